import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { goals } from '../../bench/report/goals.js';
import { findings, wantedPrebuilds } from '../../scripts/release-checks.js';
import { root } from './project.ts';

let place: string;
/** A project that can be published as 1.2.3. */
let ready: string;
/** A copy of it for each test. */
let project: string;

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
const put = (path: string, text: string, folder = project): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
};
const git = (folder: string, ...words: string[]): string =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...words], {
    cwd: folder,
    encoding: 'utf8',
  }).trim();
const commit = (folder = project): void => {
  git(folder, 'add', '-A');
  git(folder, 'commit', '-q', '-m', 'a change');
};

/** Benchmark results that meet every goal except the one with the text `missed`. Its figure is `by`, or far from the goal. */
function benchResults(stamp: object, missed?: string, by?: number): string {
  const results: Record<string, { subjects: Record<string, { rounds: Record<string, number>[] }> }> = {};
  const record = (workload: string, subject: string, member: string, figure: number): void => {
    results[workload] ??= { subjects: {} };
    results[workload].subjects[subject] ??= { rounds: [{}] };
    Object.assign(results[workload].subjects[subject].rounds[0] as object, { [member]: figure });
  };
  // The missed goal comes last, because another goal may use the same figure.
  const inOrder = goals.toSorted((a, b) => Number(a.text === missed) - Number(b.text === missed));
  for (const { text, workload, member, of, over = [], atLeast } of inOrder) {
    for (const name of [over].flat()) record(workload, name, member, 1);
    const far = (atLeast === undefined) === (text === missed) ? 1000 : 0;
    record(workload, of, member, text === missed ? (by ?? far) : far);
  }
  return json({ stamp, results });
}

beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'limpet-release-'));
  ready = join(place, 'ready');
  const files = {
    'package.json': json({ name: 'limpet', version: '1.2.3', repository: 'github:a/b' }),
    'package-lock.json': json({ version: '1.2.3', packages: { '': { version: '1.2.3' } } }),
    'CHANGELOG.md':
      '# Changelog\n\n## Unreleased\n\n## 1.2.3 (2026-11-30)\n\n- Something new.\n\n## 1.2.2\n\n- Older.\n',
    'src/index.ts': 'export {};\n',
    '.gitignore': 'prebuilds/\n*.tgz\n',
  };
  for (const [path, text] of Object.entries(files)) put(path, text, ready);
  for (const path of wantedPrebuilds) put(`prebuilds/${path}`, 'a binary', ready);
  git(ready, 'init', '-q');
  commit(ready);
  put(
    'bench/results/connections.json',
    benchResults({ commit: git(ready, 'rev-parse', '--short', 'HEAD') }),
    ready,
  );
  commit(ready);
});
afterAll(() => rmSync(place, { recursive: true, force: true }));
beforeEach(() => {
  project = mkdtempSync(join(place, 'project-'));
  cpSync(ready, project, { recursive: true });
});

/** The problems that the checks find, by subject. */
const problems = (version = '1.2.3'): Record<string, string> =>
  Object.fromEntries(
    findings(project, version).flatMap(({ about, problem }) => (problem ? [[about, problem]] : [])),
  );

test('a complete project has no problem', () => {
  expect(problems()).toEqual({});
});

describe('a release is refused', () => {
  test('if package.json or the lock file has another version, or if the version is invalid', () => {
    expect(problems('1.2.4').version).toMatch(/^package\.json says 1\.2\.3, not 1\.2\.4/);
    put('package-lock.json', json({ version: '1.2.3', packages: { '': { version: '1.2.2' } } }));
    expect(problems().version).toMatch(/^package-lock\.json says 1\.2\.2, not 1\.2\.3/);
    expect(problems('latest').version).toMatch(/^latest is not a version/);
  });

  test('if the changelog has no entry for the version, or still has unreleased entries', () => {
    put('CHANGELOG.md', '# Changelog\n\n## Unreleased\n\n## 1.2.3\n\n## 1.2.2\n\n- Older.\n');
    expect(problems().changelog).toMatch(/has no entries under "## 1\.2\.3"/);
    put('CHANGELOG.md', '# Changelog\n\n## Unreleased\n\n- Newer.\n\n## 1.2.3\n\n- New.\n');
    expect(problems().changelog).toMatch(/still has entries under "## Unreleased"/);
  });

  test('if package.json names no repository', () => {
    put('package.json', json({ name: 'limpet', version: '1.2.3' }));
    expect(problems().repository).toMatch(/has no "repository"/);
  });

  test('if a changed or new file is not committed', () => {
    put('src/index.ts', 'export const one = 1;\n');
    put('src/two.ts', '');
    expect(problems()).toEqual({
      tree: expect.stringMatching(/^src\/index\.ts and 1 more would be published/),
    });
  });

  test('if its tag names another commit', () => {
    git(project, 'tag', 'v1.2.3');
    expect(problems()).toEqual({});
    git(project, 'tag', '-f', 'v1.2.3', 'HEAD~');
    expect(problems().tag).toMatch(/^v1\.2\.3 names [\da-f]{12}, another commit/);
  });

  test('if a prebuild is missing or empty', () => {
    rmSync(join(project, 'prebuilds/darwin-arm64'), { recursive: true });
    put('prebuilds/linux-x64/limpet.musl.node', '');
    expect(problems().prebuilds).toMatch(
      /^linux-x64\/limpet\.musl\.node, darwin-arm64\/limpet\.node missing/,
    );
    rmSync(join(project, 'prebuilds'), { recursive: true });
    expect(problems().prebuilds).toMatch(/win32-x64/);
  });

  const results = 'bench/results/connections.json';
  test('if the benchmark was not run, was run with --quick, or was not run on a commit of this project', () => {
    const { stamp } = JSON.parse(readFileSync(join(project, results), 'utf8'));
    for (const [other, problem] of [
      [{ ...stamp, quick: true }, /is from a --quick run/],
      [
        { commit: `${stamp.commit} and changes` },
        /is from [\da-f]+ and changes; run npm run bench on a commit/,
      ],
      [{ commit: '0123456789ab' }, /is from 0123456789ab, a commit that is not in this repository/],
    ] as const) {
      put(results, benchResults(other));
      expect(problems().bench).toMatch(problem);
    }
    rmSync(join(project, results));
    expect(problems().bench).toMatch(/does not exist; run npm run bench/);
  });

  test('if the code, and not only the docs, has changed since the benchmark', () => {
    put('README.md', 'Better words.\n');
    commit();
    expect(problems()).toEqual({});
    put('src/index.ts', 'export const one = 1;\n');
    commit();
    expect(problems().bench).toMatch(/since then src\/index\.ts changed; run npm run bench/);
  });

  test.each([goals[0], goals[2]])('if a goal is missed: $text', (goal) => {
    const { stamp } = JSON.parse(readFileSync(join(project, results), 'utf8'));
    put(results, benchResults(stamp, goal?.text));
    expect(problems().bench).toContain(goal?.text);
    put(results, json({ stamp, results: {} }));
    expect(problems().bench).toContain(`${goals.length} of ${goals.length} goals missed or not measured`);
  });
});

test('a goal that was already out of reach stops a release only if the figure is worse than before', () => {
  const { stamp } = JSON.parse(readFileSync(join(project, 'bench/results/connections.json'), 'utf8'));
  const goal = goals.find(({ text: about }) => about.startsWith('fd: CPU of a connection')); // No other goal uses this figure.
  const { text, atRelease, atLeast } = goal as { text: string; atRelease: number; atLeast?: number };
  const worse = atRelease * (atLeast === undefined ? 1.01 : 0.99);
  put('bench/results/connections.json', benchResults(stamp, text, atRelease));
  expect(problems().bench).toBeUndefined();
  put('bench/results/connections.json', benchResults(stamp, text, worse));
  expect(problems().bench).toContain(text);
});

describe('npm run release', () => {
  /** Runs the script in the project, with a fake npm that records its arguments. */
  function release(...words: string[]): { status: number | null; output: string; npm: string[] } {
    const calls = join(place, 'calls');
    const bin = join(place, 'bin');
    put('npm', `#!/bin/sh\necho "$@" >> '${calls}'\n`, bin);
    chmodSync(join(bin, 'npm'), 0o755);
    writeFileSync(calls, '');
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(root, 'scripts/release.js'), ...words],
      {
        cwd: project,
        env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` },
        encoding: 'utf8',
      },
    );
    const npm = readFileSync(calls, 'utf8').split('\n').filter(Boolean);
    return { status, output: stdout + stderr, npm };
  }

  test('prints the checklist and does nothing else with --dry-run', () => {
    const { status, output, npm } = release('--dry-run');
    expect([status, npm]).toEqual([0, []]);
    expect(output).toMatch(/^\nlimpet 1\.2\.3\n\n( {2}✓ .+\n){7}\nNothing is missing\.\n$/);
  });

  test('packs the tarball, and publishes it only with --publish', () => {
    expect(release('1.2.3').npm).toEqual(['pack --silent']);
    expect(release('1.2.3', '--publish').npm).toEqual([
      'pack --silent',
      'publish limpet-1.2.3.tgz --tag latest',
    ]);
  });

  test('stops if an item is missing, with every flag, and names the item', () => {
    rmSync(join(project, 'prebuilds/win32-x64'), { recursive: true });
    for (const words of [['--dry-run'], [], ['--publish']]) {
      const { status, output, npm } = release('1.2.4', ...words);
      expect([status, npm]).toEqual([1, []]);
      expect(output).toMatch(/^ {2}✗ version +package\.json says 1\.2\.3, not 1\.2\.4/m);
      expect(output).toMatch(/^ {2}✗ prebuilds +win32-x64\/limpet\.node missing/m);
      expect(output).toContain('3 of 7 items are missing, so nothing was packed or published.');
    }
  });
});
