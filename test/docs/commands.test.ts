import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { pages } from './pages.ts';

/** Every command `limpet …` on the pages, in blocks of commands and between backticks. */
const shown = pages.flatMap(({ path, text }) => {
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, code = '']) => code.split('\n'));
  const inline = [...text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/`([^`\n]+)`/g)].map(
    ([, code = '']) => code,
  );
  return [...blocks, ...inline].flatMap((line) => {
    const [, name, rest = ''] = /(?:^|\s)limpet ([a-z]+)\b(.*)/.exec(line) ?? [];
    const own = rest.split(/ -- | [|>#] /)[0] ?? '';
    const flags = [...own.matchAll(/(?<=\s)(--[a-z-]+|-[a-z])\b/g)].map(([flag]) => flag);
    return name === undefined ? [] : [{ path, line, name, flags }];
  });
});

async function flagsOf(name: string): Promise<readonly (string | undefined)[]> {
  if (!existsSync(new URL(`../../src/cli/commands/${name}.ts`, import.meta.url))) return [];
  const { [name]: command } = (await import(`../../src/cli/commands/${name}.ts`)) as Record<string, Command>;
  return ['--help', ...(command?.options ?? []).flatMap(({ short, long }) => [short, long])];
}

test('every limpet command on the pages exists, and has the flags that the page uses', async () => {
  const wrong: string[] = [];
  for (const { path, line, name, flags } of shown) {
    const known = await flagsOf(name);
    if (known.length === 0) wrong.push(`${path}: ${line}: the command ${name} does not exist`);
    for (const flag of flags)
      if (!known.includes(flag)) wrong.push(`${path}: ${line}: the flag ${flag} does not exist`);
  }
  expect(shown.length).toBeGreaterThan(20);
  expect(wrong).toEqual([]);
});
