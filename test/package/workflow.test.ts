/** The release workflow cannot be run here. This holds its shape, and what it builds to what a release asks for. */
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

const workflow = parse(readFileSync(join(root, '.github/workflows/release.yml'), 'utf8')) as {
  permissions: Record<string, string>;
  jobs: Record<string, Job>;
};
const jobs = Object.entries(workflow.jobs);
const needed = ({ needs = [] }: Job): string[] => [needs].flat();

test('it builds every prebuild that a release asks for, and no other', () => {
  const built = jobs.flatMap(([, { strategy }]) => strategy?.matrix.include ?? []);
  const files = built.map(({ prebuild }) => {
    const [platform, arch, libc] = prebuild.split('-');
    return `${platform}-${arch}/limpet${libc ? `.${libc}` : ''}.node`;
  });
  expect(files.sort()).toEqual([...wantedPrebuilds].sort());
});

test('publishing comes last, from a tag, and alone may do more than read', () => {
  const before = (name: string): string[] =>
    needed(workflow.jobs[name] as Job).flatMap((job) => [job, ...before(job)]);
  expect([...new Set(before('publish')), 'publish'].sort()).toEqual(jobs.map(([name]) => name).sort());
  expect(workflow.jobs.publish?.if).toBe("github.ref_type == 'tag'");
  expect(workflow.permissions).toEqual({ contents: 'read' });
  expect(jobs.filter(([, { permissions }]) => permissions).map(([name]) => name)).toEqual(['publish']);
});

test('only the publishing job publishes, through the release script', () => {
  const publishing = jobs.filter(([, { steps }]) => steps.some(({ run }) => run?.includes('publish')));
  expect(publishing.map(([name]) => name)).toEqual(['publish']);
  const { steps } = workflow.jobs.publish as Job;
  expect(steps.at(-1)?.run).toMatch(/^npm run release -- "\$\{GITHUB_REF_NAME#v\}" --publish$/);
});

describe.each(jobs)('job %s', (_, job) => {
  test('needs jobs that are there', () => {
    expect(needed(job).filter((name) => !(name in workflow.jobs))).toEqual([]);
  });

  test('each step runs or uses something; scripts are sound shell', () => {
    for (const { uses, run } of job.steps) {
      expect([uses, run].filter(Boolean)).toHaveLength(1);
      if (run === undefined) expect(uses).toMatch(/^actions\/[\w-]+@v\d+$/);
      else expect(spawnSync('sh', ['-n'], { input: run }).status, run).toBe(0);
    }
  });
});
