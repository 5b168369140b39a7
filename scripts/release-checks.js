/** The checks before a version is published. Each check is one line of the checklist. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { goals, judge } from '../bench/report/goals.js';

/** Every binary of a release. .github/workflows/release.yml builds them. */
export const wantedPrebuilds = [
  'linux-x64/limpet.glibc.node',
  'linux-x64/limpet.musl.node',
  'linux-arm64/limpet.glibc.node',
  'linux-arm64/limpet.musl.node',
  'darwin-x64/limpet.node',
  'darwin-arm64/limpet.node',
  'win32-x64/limpet.node',
  'win32-arm64/limpet.node',
];

/** The only results that have goals. */
const benchResults = 'bench/results/connections.json';
const code = ['src', 'native', 'binding.gyp'];

/**
 * @typedef {{ about: string, good: string, problem?: string }} Finding
 *   `good` is the text if there is no `problem`. A problem is one sentence that also says what to do.
 */

/**
 * Checks whether the project in `root` can be published as `version`. Changes nothing.
 * @param {string} root
 * @param {string} version
 * @returns {Finding[]}
 */
export function findings(root, version) {
  const read = (path) => readFileSync(join(root, path), 'utf8');
  const git = (...words) => spawnSync('git', words, { cwd: root, encoding: 'utf8' });
  return [
    {
      about: 'version',
      good: `package.json and package-lock.json say ${version}`,
      problem: versionProblem(
        version,
        JSON.parse(read('package.json')),
        JSON.parse(read('package-lock.json')),
      ),
    },
    {
      about: 'changelog',
      good: `CHANGELOG.md has entries for ${version}`,
      problem: changelogProblem(version, read('CHANGELOG.md')),
    },
    {
      about: 'repository',
      good: 'package.json names the repository',
      problem: JSON.parse(read('package.json')).repository
        ? undefined
        : 'package.json has no "repository"; add it, because npm publishes from a workflow only if it names the repository of the workflow.',
    },
    { about: 'tree', good: 'everything is committed', problem: treeProblem(git) },
    { about: 'tag', good: `v${version} is unused, or names this commit`, problem: tagProblem(version, git) },
    {
      about: 'prebuilds',
      good: `all ${wantedPrebuilds.length} are in prebuilds/`,
      problem: prebuildProblem(join(root, 'prebuilds')),
    },
    {
      about: 'bench',
      good: `all ${goals.length} goals of a release are met, measured on this code`,
      problem: benchProblem(join(root, benchResults), git),
    },
  ];
}

function versionProblem(version, manifest, lock) {
  if (!/^\d+\.\d+\.\d+(-[\da-z.-]+)?$/i.test(version))
    return `${version} is not a version; give one like 1.2.3.`;
  const others = [
    ['package.json', manifest.version],
    ['package-lock.json', lock.version],
    ['package-lock.json', lock.packages[''].version],
  ].filter(([, said]) => said !== version);
  if (others.length === 0) return undefined;
  const [file, said] = others[0];
  return `${file} says ${said}, not ${version}; run npm version ${version} --no-git-tag-version.`;
}

function changelogProblem(version, text) {
  const sections = text.split(/^## /m).slice(1);
  const entriesOf = (name) =>
    sections
      .find((section) => section.split(/\s/, 1)[0] === name)
      ?.split('\n')
      .filter((line) => line.startsWith('- '));
  if (!entriesOf(version)?.length) {
    return `CHANGELOG.md has no entries under "## ${version}"; move the entries of "## Unreleased" there.`;
  }
  return entriesOf('Unreleased')?.length
    ? `CHANGELOG.md still has entries under "## Unreleased"; move them to "## ${version}".`
    : undefined;
}

function treeProblem(git) {
  const { status, stdout, stderr } = git('status', '--porcelain');
  if (status !== 0) return `git status failed: ${stderr.trim()}`;
  const [first, ...rest] = stdout.split('\n').filter(Boolean);
  if (first === undefined) return undefined;
  const more = rest.length === 0 ? '' : ` and ${rest.length} more`;
  return `${first.slice(3)}${more} would be published but is not committed; commit or remove it.`;
}

function tagProblem(version, git) {
  const commitOf = (name) => git('rev-parse', '--verify', '--quiet', `${name}^{commit}`).stdout.trim();
  const tagged = commitOf(`refs/tags/v${version}`);
  if (tagged === '' || tagged === commitOf('HEAD')) return undefined;
  return `v${version} names ${tagged.slice(0, 12)}, another commit; a version is published only once, so use the next version.`;
}

function prebuildProblem(folder) {
  const isThere = (path) => existsSync(join(folder, path)) && statSync(join(folder, path)).size > 0;
  const missing = wantedPrebuilds.filter((path) => !isThere(path));
  if (missing.length === 0) return undefined;
  return `${missing.join(', ')} missing; take them from the artifacts of the release workflow, which builds them.`;
}

function benchProblem(file, git) {
  if (!existsSync(file))
    return `${benchResults} does not exist; run npm run bench, which takes about an hour.`;
  const { stamp, results } = JSON.parse(readFileSync(file, 'utf8'));
  if (stamp.quick || !/^[\da-f]+$/.test(stamp.commit)) {
    return `${benchResults} is from ${stamp.quick ? 'a --quick run' : stamp.commit}; run npm run bench on a commit.`;
  }
  const since = git('diff', '--name-only', stamp.commit, 'HEAD', '--', ...code);
  if (since.status !== 0)
    return `${benchResults} is from ${stamp.commit}, a commit that is not in this repository; run npm run bench.`;
  const changed = since.stdout.split('\n').filter(Boolean);
  if (changed.length > 0) {
    const others = changed.length === 1 ? '' : ` and ${changed.length - 1} more changed`;
    return `${benchResults} is from ${stamp.commit}, and since then ${changed[0]}${others || ' changed'}; run npm run bench.`;
  }
  const missed = goals.filter((goal) => !judge(goal, results)?.holds).map(({ text }) => text);
  if (missed.length === 0) return undefined;
  return `${missed.length} of ${goals.length} goals missed or not measured: ${missed.join('; ')}.`;
}
