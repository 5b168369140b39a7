import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { pages, projectRoot } from './pages.ts';

/** The anchors of a Markdown page, as GitHub and npm make them from headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test.each(pages)('$path has only working links', ({ path, text }) => {
  const prose = text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '');
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  const dead = targets.filter((target) => {
    if (/^https?:/.test(target)) return false;
    const [file = '', anchor] = target.split('#');
    const place = file === '' ? path : normalize(join(dirname(path), file));
    if (!existsSync(join(projectRoot, place))) return true;
    const page = pages.find((each) => each.path === place);
    return anchor !== undefined && page !== undefined && !anchorsOf(page.text).includes(anchor);
  });
  expect(dead).toEqual([]);
});

test.each(pages)('$path names only files and folders that exist', ({ text }) => {
  const named = [...text.matchAll(/`((?:src|native|test|scripts|docs|bench)\/[\w./-]*)`/g)].map(
    ([, path = '']) => path,
  );
  expect(named.filter((path) => !existsSync(join(projectRoot, path)))).toEqual([]);
});
