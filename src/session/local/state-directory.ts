import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { storeRefused } from '../core/backend.js';

/**
 * The directory of this application's own state: XDG_STATE_HOME or ~/.local/state, then limpet/<application>. The
 * application is named after the package of the file that Node was started with, and the folder that it is in.
 */
export function stateDirectory(): string {
  const given = process.env.XDG_STATE_HOME;
  const state = given && isAbsolute(given) ? given : join(homedir(), '.local', 'state');
  const folder = packageFolder(process.argv[1] ? dirname(process.argv[1]) : process.cwd());
  const place = createHash('sha256').update(folder).digest('hex').slice(0, 8);
  return join(state, 'limpet', `${packageName(folder)}-${place}`);
}

/**
 * Makes the directory where it is missing, readable by this user alone. With `own`, an existing one must be this
 * user's and is closed to others. Throws ERR_LIMPET_STORE when that cannot be had, and on a network file system, where
 * SQLite's locks and shared memory are not to be trusted.
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
  const me = process.getuid?.();
  const { uid, mode } = statSync(directory);
  if (me === undefined) return;
  if (uid !== me) {
    throw storeRefused(
      `The directory for sessions, ${directory}, belongs to user ${uid}, expected ${me}. Give LocalStore a path of your own.`,
      { directory, uid },
    );
  }
  if ((mode & 0o077) !== 0) chmodSync(directory, 0o700);
}

/** By the numbers that Linux's statfs(2) lists; other systems give other numbers and are not judged. */
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

/** The nearest folder with a package.json, from `from` upwards; `from` itself where there is none. */
export function packageFolder(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (dirname(folder) === folder) return from;
  }
}

/** The name in the folder's package.json as one word, for a path; `otherwise` where it has none. */
export function packageName(folder: string, otherwise = 'app'): string {
  try {
    const { name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: string };
    return name?.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[.-]+/, '') || otherwise;
  } catch {
    return otherwise;
  }
}
