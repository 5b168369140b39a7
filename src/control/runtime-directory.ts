/** The directories of the control sockets: one for each router name. It holds a socket for each primary of that name. */
import { chmodSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { LimpetError } from '../errors.js';

/** The file of a control socket. It may be left over from a dead process. */
export interface SocketFile {
  readonly name: string;
  /** The process that created the socket. */
  readonly pid: number;
  readonly path: string;
  /** When the file was created, in ns since the epoch; 0 if the system does not know. */
  readonly createdNs: bigint;
}

/** The lowest limit of all systems for the path of a socket: 103 bytes, on macOS. */
const pathBytesMax = 103;
const pidMax = 4_194_304;
const onWindows = process.platform === 'win32';
const pipes = '\\\\.\\pipe\\';

/**
 * The path of the control socket of this process, for a router of this name. Creates the directory. Throws ERR_LIMPET_CONTROL if no
 * directory is usable.
 */
export function makeSocketPath(name: string): string {
  if (onWindows) return `${pipes}limpet-${name}-${process.pid}`;
  return join(makeRuntimeDirectory(name), `${process.pid}.sock`);
}

/**
 * The first directory that can be created and that no other user can open. It is tried in XDG_RUNTIME_DIR, then in the user's state
 * directory, then in the directory for temporary files. With a name, it is the subdirectory of that name.
 */
export function makeRuntimeDirectory(name = ''): string {
  if (onWindows) return pipes;
  const reasons: string[] = [];
  for (const root of roots()) {
    const directory = join(root, name);
    const longest = join(directory, `${pidMax}.sock`);
    const reason =
      Buffer.byteLength(longest) > pathBytesMax ? 'its path is too long' : makePrivate(root, directory);
    if (reason === undefined) return directory;
    reasons.push(`${root}: ${reason}`);
  }
  throw new LimpetError(
    'ERR_LIMPET_CONTROL',
    `there is no usable directory for the control socket (${reasons.join('; ')}). Set XDG_RUNTIME_DIR to a directory that belongs to this user.`,
    { reasons },
  );
}

/** Every control socket of this user, of one name or of all, oldest first. */
export function socketFiles(name?: string): SocketFile[] {
  if (onWindows) return pipesOf(name);
  return roots()
    .flatMap((root) =>
      (name === undefined ? entries(root) : [name]).flatMap((each) =>
        entries(join(root, each)).flatMap((file) => {
          const pid = /^(\d+)\.sock$/.exec(file)?.[1];
          const path = join(root, each, file);
          const createdNs = pid && lstatSync(path, { bigint: true, throwIfNoEntry: false })?.mtimeNs;
          return createdNs ? [{ name: each, pid: Number(pid), path, createdNs }] : [];
        }),
      ),
    )
    .sort((a, b) => (a.createdNs === b.createdNs ? a.pid - b.pid : a.createdNs < b.createdNs ? -1 : 1));
}

/** Every directory that may hold the sockets, best first. All are searched: the router may have been started in another environment. */
function roots(): string[] {
  const { XDG_RUNTIME_DIR: runtime = '', XDG_STATE_HOME: state = '' } = process.env;
  const uid = process.getuid?.() ?? 0;
  const found = [
    isAbsolute(runtime) ? join(runtime, 'limpet') : undefined,
    join(isAbsolute(state) ? state : join(home(), '.local', 'state'), 'limpet', 'run'),
    join(tmpdir(), `limpet-${uid}`),
  ];
  return [...new Set(found.filter((root) => root !== undefined))];
}

function home(): string {
  try {
    return homedir();
  } catch {
    // The user has no entry in the user database, and HOME is not set.
    return '/nonexistent';
  }
}

/** Creates the directories with mode 0700. Returns why that failed, or undefined if both now belong to this user alone. */
function makePrivate(...directories: string[]): string | undefined {
  try {
    for (const directory of directories) {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      const found = lstatSync(directory);
      if (!found.isDirectory()) return 'it is not a directory';
      if (found.uid !== process.getuid?.()) return `it belongs to the user ${found.uid}`;
      if ((found.mode & 0o077) !== 0) chmodSync(directory, 0o700);
    }
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function pipesOf(name: string | undefined): SocketFile[] {
  return entries(pipes).flatMap((file) => {
    const [, of, pid] = /^limpet-(.+)-(\d+)$/.exec(file) ?? [];
    if (of === undefined || (name !== undefined && of !== name)) return [];
    return [{ name: of, pid: Number(pid), path: pipes + file, createdNs: 0n }];
  });
}
