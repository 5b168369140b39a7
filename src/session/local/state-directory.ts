import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { storeRefused } from '../core/store-errors.js';

/**
 * Returns the directory for the state of this application: `limpet/<package>-<hash of its folder>` in XDG_STATE_HOME or
 * ~/.local/state. The package is the one of the file that Node was started with.
 */
export function stateDirectory(): string {
  const configured = process.env.XDG_STATE_HOME;
  const state = configured && isAbsolute(configured) ? configured : join(homedir(), '.local', 'state');
  const folder = packageFolder(process.argv[1] ? dirname(process.argv[1]) : process.cwd());
  const folderHash = createHash('sha256').update(folder).digest('hex').slice(0, 8);
  return join(state, 'limpet', `${packageName(folder)}-${folderHash}`);
}

/**
 * Makes the directory with mode 0700 if it does not exist. With `own`, an existing directory must belong to this user, and its mode is
 * set to 0700 if others have any right.
 *
 * Throws ERR_LIMPET_STORE if that fails, and on a network file system: SQLite's locks and shared memory do not work reliably there.
 */
export function sessionDirectory(directory: string, own: boolean): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw storeRefused(
      `The directory for sessions, ${directory}, cannot be made: ${(error as Error).message}. Set XDG_STATE_HOME, or give LocalStore a path.`,
      { directory },
      error,
    );
  }
  if (own) closeToOthers(directory);
  const network = networkFileSystem(statfsSync(directory).type);
  if (network) {
    throw storeRefused(
      `The directory for sessions, ${directory}, is on ${network}, where SQLite can lose data. Give LocalStore a path on a local disk, or move to Redis.`,
      { directory, network },
    );
  }
}

function closeToOthers(directory: string): void {
  const user = process.getuid?.();
  const { uid, mode } = statSync(directory);
  if (user === undefined) return;
  if (uid !== user) {
    throw storeRefused(
      `The directory for sessions, ${directory}, belongs to user ${uid}, expected user ${user}. Give LocalStore a path of your own.`,
      { directory, uid },
    );
  }
  if ((mode & 0o077) !== 0) chmodSync(directory, 0o700);
}

/**
 * Returns the name of a network file system from the `f_type` of Linux's statfs(2), or undefined. Returns undefined on other systems,
 * which use other numbers.
 */
export function networkFileSystem(type: number): string | undefined {
  return process.platform === 'linux' ? networkTypes.get(type >>> 0) : undefined;
}

const networkTypes = new Map([
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
]);

/** Returns the nearest folder with a package.json, from `from` upwards. Returns `from` if there is none. */
export function packageFolder(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (dirname(folder) === folder) return from;
  }
}

/** Returns the name in the folder's package.json as one path segment. Returns `otherwise` if there is no name. */
export function packageName(folder: string, otherwise = 'app'): string {
  try {
    const { name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: string };
    return name?.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[.-]+/, '') || otherwise;
  } catch {
    return otherwise;
  }
}
