import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const packages = ['@socket.io/sticky', 'express', 'socket.io', 'sticky-cluster', 'sticky-session', 'ws'];

/** What a result must carry to be read later: the machine, the versions of everything measured, the commit, the time. */
export function stamp() {
  const commit = said('git', ['rev-parse', '--short=12', 'HEAD']);
  const changed = said('git', ['status', '--porcelain', '--', '../src', '../native']) !== '';
  return {
    at: new Date().toISOString(),
    commit: changed ? `${commit} and changes` : commit,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    packages: Object.fromEntries(packages.map((name) => [name, versionOf(name)])),
    nginx: /[\d.]+/.exec(said('nginx', ['-v']))?.[0],
    haproxy: /[\d.]+/.exec(said('haproxy', ['-v']))?.[0],
  };
}

function versionOf(name) {
  return JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), 'utf8'))
    .version;
}

/** What a command says, wherever it says it; '' when it cannot be run. */
function said(command, args) {
  const { stdout, stderr } = spawnSync(command, args, { cwd: here, encoding: 'utf8' });
  return ((stdout ?? '') + (stderr ?? '')).trim();
}
