import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const packages = ['@socket.io/sticky', 'express', 'socket.io', 'sticky-cluster', 'sticky-session', 'ws'];

/** The facts that a reader of a result needs: the machine, the versions, the commit and the time. */
export function stamp() {
  const commit = outputOf('git', ['rev-parse', '--short=12', 'HEAD']);
  const changed = outputOf('git', ['status', '--porcelain', '--', '../src', '../native']) !== '';
  return {
    at: new Date().toISOString(),
    commit: changed ? `${commit} and changes` : commit,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    packages: Object.fromEntries(packages.map((name) => [name, versionOf(name)])),
    nginx: /[\d.]+/.exec(outputOf('nginx', ['-v']))?.[0],
    haproxy: /[\d.]+/.exec(outputOf('haproxy', ['-v']))?.[0],
  };
}

function versionOf(name) {
  return JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), 'utf8'))
    .version;
}

/** The output of a command, from stdout and stderr; '' if the command cannot be run. */
function outputOf(command, args) {
  const { stdout, stderr } = spawnSync(command, args, { cwd: here, encoding: 'utf8' });
  return ((stdout ?? '') + (stderr ?? '')).trim();
}
