/** Where control sockets lie: a directory for each name of a router, and in it a socket for each of its processes. */
import { chmodSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { LimpetError } from '../errors.js';

/** A socket that is there; whether somebody answers is another matter. */
export interface SocketFile {
  readonly name: string;
  /** The process that made it. */
  readonly pid: number;
  readonly path: string;
  /** When it was made, in ns since the epoch; 0 where the system does not tell. */
  readonly born: bigint;
}

/** The shortest that any system allows for the path of a socket is macOS's 103 bytes. */
const pathBytesMax = 103;
const pidMax = 4_194_304;
const onWindows = process.platform === 'win32';
const pipes = '\\\\.\\pipe\\';

/**
 * The path for this process's socket under `name`, in a directory that is made for it. Throws ERR_LIMPET_CONTROL when there is no
 * place for it.
 */
export function makeSocketPath(name: string): string {
  if (onWindows) return `${pipes}limpet-${name}-${process.pid}`;
  return join(makeRuntimeDirectory(name), `${process.pid}.sock`);
}

/**
 * The first directory that can be made and that is this user's alone: in XDG_RUNTIME_DIR, else with the user's state, else in the
 * directory for temporary files, checked to be the user's. With a name the one in it for that name.
 */
export function makeRuntimeDirectory(name = ''): string {
  if (onWindows) return pipes;
  const reasons: string[] = [];
  for (const root of roots()) {
    const directory = join(root, name);
    const longest = join(directory, `${pidMax}.sock`);
    const reason =
      Buffer.byteLength(longest) > pathBytesMax ? 'its path is too long' : closeToOthers(root, directory);
    if (reason === undefined) return directory;
    reasons.push(`${root}: ${reason}`);
  }
  throw new LimpetError(
    'ERR_LIMPET_CONTROL',
    `there is no place for the control socket (${reasons.join('; ')}). Set XDG_RUNTIME_DIR to a directory of this user's own.`,
    { reasons },
  );
}

/** Every control socket of this user, those of one name or of all, in the order in which they were made. */
export function socketFiles(name?: string): SocketFile[] {
  if (onWindows) return pipesOf(name);
  return roots()
    .flatMap((root) =>
      (name === undefined ? entries(root) : [name]).flatMap((each) =>
        entries(join(root, each)).flatMap((file) => {
          const pid = /^(\d+)\.sock$/.exec(file)?.[1];
          const path = join(root, each, file);
          const born = pid && lstatSync(path, { bigint: true, throwIfNoEntry: false })?.mtimeNs;
          return born ? [{ name: each, pid: Number(pid), path, born }] : [];
        }),
      ),
    )
    .sort((a, b) => (a.born === b.born ? a.pid - b.pid : a.born < b.born ? -1 : 1));
}

/** Best first. A router may have been started with another environment than whoever looks for it has: look in all. */
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
    // A user without an entry in the list of users, and without HOME.
    return '/nonexistent';
  }
}

/** Makes the directories; undefined when both are this user's alone now, else why not. */
function closeToOthers(...directories: string[]): string | undefined {
  try {
    for (const directory of directories) {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      const found = lstatSync(directory);
      if (!found.isDirectory()) return 'it is no directory';
      if (found.uid !== process.getuid?.()) return `it belongs to user ${found.uid}`;
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
    return [{ name: of, pid: Number(pid), path: pipes + file, born: 0n }];
  });
}
