import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  networkFileSystem,
  packageFolder,
  packageName,
  sessionDirectory,
  stateDirectory,
} from '../../../src/session/local/state-directory.ts';

const [node, script] = process.argv;
const { platform } = process;
const { XDG_STATE_HOME } = process.env;
let root: string;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'limpet-state-')));
});
afterEach(() => {
  vi.restoreAllMocks();
  process.argv.splice(0, 2, node as string, script as string);
  Object.defineProperty(process, 'platform', { value: platform });
  if (XDG_STATE_HOME === undefined) delete process.env.XDG_STATE_HOME;
  else process.env.XDG_STATE_HOME = XDG_STATE_HOME;
  rmSync(root, { recursive: true, force: true });
});

function makePackage(folder: string, content: string): string {
  const path = join(root, folder);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'package.json'), content);
  return path;
}

describe('the state directory', () => {
  test('is named after the package of the script, and its folder', () => {
    const app = makePackage('app', '{"name":"my-app"}');
    mkdirSync(join(app, 'src'));
    process.argv[1] = join(app, 'src', 'server.js');
    process.env.XDG_STATE_HOME = join(root, 'state');
    const hash = createHash('sha256').update(app).digest('hex').slice(0, 8);
    expect(stateDirectory()).toBe(join(root, 'state', 'limpet', `my-app-${hash}`));
  });

  test('is another one for the same package in another folder', () => {
    process.env.XDG_STATE_HOME = root;
    const directories = ['one', 'two'].map((folder) => {
      process.argv[1] = join(makePackage(folder, '{"name":"my-app"}'), 'server.js');
      return stateDirectory();
    });
    expect(directories[0]).not.toBe(directories[1]);
  });

  test.each([undefined, '', 'relative/path'])(
    'is in ~/.local/state when XDG_STATE_HOME is %j',
    (configured) => {
      if (configured === undefined) delete process.env.XDG_STATE_HOME;
      else process.env.XDG_STATE_HOME = configured;
      expect(stateDirectory()).toMatch(new RegExp(`^${join(homedir(), '.local', 'state', 'limpet')}/`));
    },
  );

  test('is that of the working directory when Node has no script', () => {
    process.env.XDG_STATE_HOME = root;
    process.argv.splice(1, 1);
    vi.spyOn(process, 'cwd').mockReturnValue(makePackage('here', '{"name":"of-here"}'));
    expect(stateDirectory()).toMatch(/\/limpet\/of-here-[0-9a-f]{8}$/);
    process.argv.splice(1, 0, script as string);
  });
});

describe('the directory for sessions', () => {
  test('is made with its parents, for this user alone', () => {
    const directory = join(root, 'a', 'b');
    sessionDirectory(directory, true);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
  });

  test('that exists is closed to others if it is the application’s own', () => {
    const directory = join(root, 'open');
    mkdirSync(directory);
    chmodSync(directory, 0o755);
    sessionDirectory(directory, false);
    expect(statSync(directory).mode & 0o777).toBe(0o755);
    sessionDirectory(directory, true);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
  });

  test('whose mode gives others no right keeps its mode', () => {
    const directory = join(root, 'stricter');
    mkdirSync(directory, { mode: 0o500 });
    sessionDirectory(directory, true);
    expect(statSync(directory).mode & 0o777).toBe(0o500);
    chmodSync(directory, 0o700);
  });

  test('of another user is refused', () => {
    const directory = join(root, 'theirs');
    mkdirSync(directory);
    const { uid } = statSync(directory);
    vi.spyOn(process, 'getuid').mockReturnValue(uid + 1);
    expect(() => sessionDirectory(directory, true)).toThrow(
      expect.objectContaining({
        code: 'ERR_LIMPET_STORE',
        message: expect.stringContaining(`belongs to user ${uid}, expected user ${uid + 1}`),
        facts: { directory, uid },
      }),
    );
    expect(() => sessionDirectory(directory, false)).not.toThrow();
  });

  test('is not checked for its user on a system without users', () => {
    const directory = join(root, 'windows');
    mkdirSync(directory);
    chmodSync(directory, 0o755);
    vi.spyOn(process, 'getuid').mockReturnValue(undefined as never);
    sessionDirectory(directory, true);
    expect(statSync(directory).mode & 0o777).toBe(0o755);
  });

  test('that cannot be made is refused, with the cause', () => {
    const file = join(root, 'file');
    writeFileSync(file, '');
    expect(() => sessionDirectory(join(file, 'below'), true)).toThrow(
      expect.objectContaining({
        code: 'ERR_LIMPET_STORE',
        message: expect.stringContaining('cannot be made: ENOTDIR'),
        facts: { directory: join(file, 'below') },
        cause: expect.objectContaining({ code: 'ENOTDIR' }),
      }),
    );
  });
});

describe('a network file system', () => {
  test.each([
    [0x6969, 'NFS'],
    [0x517b, 'SMB'],
    [0xfe534d42, 'SMB'],
    [0xff534d42, 'CIFS'],
    [0x65735546, 'FUSE'],
    [0x01021997, '9P'],
    [0x00c36400, 'Ceph'],
    [0x5346414f, 'AFS'],
    [0x0bd00bd0, 'Lustre'],
    [0x01161970, 'GFS2'],
  ])('is known by its number on Linux: %d is %s', (type, name) => {
    Object.defineProperty(process, 'platform', { value: 'linux' });
    expect(networkFileSystem(type)).toBe(name);
    // Node may give the number as a signed one of 32 bits.
    expect(networkFileSystem(type | 0)).toBe(name);
  });

  test('is no local one, and is not known on other systems', () => {
    Object.defineProperty(process, 'platform', { value: 'linux' });
    expect(networkFileSystem(0xef53)).toBeUndefined();
    Object.defineProperty(process, 'platform', { value: 'darwin' });
    expect(networkFileSystem(0x6969)).toBeUndefined();
  });
});

describe('the package', () => {
  test('is the nearest folder upwards with a package.json, or the folder itself', () => {
    const app = makePackage('app', '{}');
    mkdirSync(join(app, 'a', 'b'), { recursive: true });
    expect(packageFolder(app)).toBe(app);
    expect(packageFolder(join(app, 'a', 'b'))).toBe(app);
    expect(packageFolder('/proc')).toBe('/proc');
  });

  test.each([
    ['{"name":"my-app"}', 'my-app'],
    ['{"name":"@scope/my app"}', 'scope-my-app'],
    ['{"name":"../../etc"}', 'etc'],
    ['{"name":".hidden_1.2"}', 'hidden_1.2'],
    ['{"name":"..."}', 'app'],
    ['{"name":""}', 'app'],
    ['{}', 'app'],
    ['not JSON', 'app'],
  ])('%s has the name %s in a path', (content, name) => {
    expect(packageName(makePackage('named', content))).toBe(name);
  });

  test('without a name has the one that the caller chooses', () => {
    expect(packageName(makePackage('nameless', '{}'), 'other')).toBe('other');
    expect(packageName(join(root, 'missing'), 'other')).toBe('other');
  });
});
