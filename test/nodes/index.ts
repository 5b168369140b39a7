import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A Node.js binary that `npm test` has installed. package.json in this folder says why these versions. */
export interface NodeBinary {
  /** The version that the binary reports, such as 'v22.1.0'. */
  readonly version: string;
  readonly path: string;
}

const majors = [20, 22, 24];

/**
 * The binaries for this platform, oldest first. Run a fixture with each: `spawn(node.path, …)`. The list is empty if npm has no binary for
 * this platform (it has them for Linux on x64 and arm64), or if `npm test` has not installed them yet.
 */
export const nodeBinaries: readonly NodeBinary[] = majors
  .map((major) => `node_modules/${process.platform}-${process.arch}-${major}/bin/node`)
  .map((path) => fileURLToPath(new URL(path, import.meta.url)))
  .filter(existsSync)
  .map((path) => ({ path, version: execFileSync(path, ['--version'], { encoding: 'utf8' }).trim() }));
