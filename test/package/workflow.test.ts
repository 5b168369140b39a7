/** The workflows cannot run here. These tests check their structure, and that they build what a release needs. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { wantedPrebuilds } from '../../scripts/release-checks.js';
import { root } from './project.ts';

interface Step {
  readonly uses?: string;
  readonly run?: string;
}
interface Job {
  readonly needs?: string | string[];
  readonly if?: string;
  readonly permissions?: Record<string, string>;
  readonly strategy?: { matrix: { include?: { prebuild: string; image?: string }[] } };
  readonly steps: readonly Step[];
}

interface Workflow {
  readonly permissions: Record<string, string>;
  readonly jobs: Record<string, Job>;
}

const read = (name: string): Workflow =>
  parse(readFileSync(join(root, '.github/workflows', name), 'utf8')) as Workflow;
const workflow = read('release.yml');
const check = read('check.yml');
const jobs = Object.entries(workflow.jobs);
const needed = ({ needs = [] }: Job): string[] => [needs].flat();

test('the release workflow builds exactly the prebuilds of a release', () => {
  const built = jobs.flatMap(([, { strategy }]) => strategy?.matrix.include ?? []);
  const files = built.map(({ prebuild }) => {
    const [platform, arch, libc] = prebuild.split('-');
    return `${platform}-${arch}/limpet${libc ? `.${libc}` : ''}.node`;
  });
  expect(files.sort()).toEqual([...wantedPrebuilds].sort());
});

test('publishing is the last job, runs for a tag, and is the only job with more than read permission', () => {
  const before = (name: string): string[] =>
    needed(workflow.jobs[name] as Job).flatMap((job) => [job, ...before(job)]);
  expect([...new Set(before('publish')), 'publish'].sort()).toEqual(jobs.map(([name]) => name).sort());
  expect(workflow.jobs.publish?.if).toBe("github.ref_type == 'tag'");
  expect(workflow.permissions).toEqual({ contents: 'read' });
  expect(jobs.filter(([, { permissions }]) => permissions).map(([name]) => name)).toEqual(['publish']);
});

test('only the job publish publishes, with the release script', () => {
  const publishing = jobs.filter(([, { steps }]) => steps.some(({ run }) => run?.includes('publish')));
  expect(publishing.map(([name]) => name)).toEqual(['publish']);
  const { steps } = workflow.jobs.publish as Job;
  expect(steps.at(-1)?.run).toMatch(/^npm run release -- "\$\{GITHUB_REF_NAME#v\}" --publish$/);
});

test('a pull request is tested and compared with its base, with read permission only', () => {
  const commands = (name: string) => check.jobs[name]?.steps.map(({ run }) => run).join();
  expect(commands('tests')).toContain('bash .ci/run');
  expect(commands('speed')).toContain('npm run bench:compare');
  expect(check.permissions).toEqual({ contents: 'read' });
});

test('every needed job exists', () => {
  expect(jobs.flatMap(([, job]) => needed(job)).filter((name) => !(name in workflow.jobs))).toEqual([]);
});

describe.each([...jobs, ...Object.entries(check.jobs)])('job %s', (_, job) => {
  test('each step has either uses or run, and each script is valid shell', () => {
    for (const { uses, run } of job.steps) {
      expect([uses, run].filter(Boolean)).toHaveLength(1);
      if (run === undefined) expect(uses).toMatch(/^actions\/[\w-]+@v\d+$/);
      else expect(spawnSync('sh', ['-n'], { input: run }).status, run).toBe(0);
    }
  });
});
