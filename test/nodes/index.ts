import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** One Node.js binary that `npm test` brought: see package.json beside this file for why these. */
export interface NodeBinary {
  /** What the binary itself says, with the v: 'v22.1.0'. */
  readonly version: string;
  readonly path: string;
}

const majors = [20, 22, 24];

/**
 * The binaries for this platform, oldest first; run a fixture on each with `spawn(node.path, …)`. Empty where npm
 * carries none for this platform (anything but Linux on x64 and arm64), or `npm test` has not brought them yet.
 */
export const nodeBinaries: readonly NodeBinary[] = majors
  .map((major) => `node_modules/${process.platform}-${process.arch}-${major}/bin/node`)
  .map((path) => fileURLToPath(new URL(path, import.meta.url)))
  .filter(existsSync)
  .map((path) => ({ path, version: execFileSync(path, ['--version'], { encoding: 'utf8' }).trim() }));
