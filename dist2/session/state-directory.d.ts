/**
 * The directory of this application's own state: XDG_STATE_HOME or ~/.local/state, then limpet/<application>. The
 * application is named after the package of the file that Node was started with, and the folder that it is in.
 */
export declare function stateDirectory(): string;
/**
 * Makes the directory where it is missing, readable by this user alone. With `own`, an existing one must be this
 * user's and is closed to others. Throws ERR_LIMPET_STORE when that cannot be had, and on a network file system, where
 * SQLite's locks and shared memory are not to be trusted.
 */
export declare function sessionDirectory(directory: string, own: boolean): void;
/** By the numbers that Linux's statfs(2) lists; other systems give other numbers and are not judged. */
export declare function networkFileSystem(type: number): string | undefined;
