import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask } from '../processes/clients.ts';
import { uwsEnvironment } from '../uws/index.ts';
import { pages, projectRoot } from './pages.ts';

/** Every block of code on the pages. `from` is the file that the block quotes, as the comment before it says. */
const blocks = pages.flatMap(({ path, text }) =>
  [...text.matchAll(/^(?:<!-- from: (\S+) -->\n+)?```(\w*)\n([\s\S]*?)^```/gm)].map(
    ([, from, kind = '', code = ''], index) => ({
      name: `${path}, block ${index + 1}`,
      path,
      from,
      kind,
      code,
    }),
  ),
);

/** The programs: each ```js block, and each ```diff block after the change. */
const samples = blocks
  .filter(({ from, kind }) => from === undefined && ['js', 'diff'].includes(kind))
  .map(({ name, kind, code }) => ({
    name,
    code: kind === 'js' ? code : code.replace(/^-.*\n/gm, '').replace(/^[+ ]/gm, ''),
  }));

test('every block is a program, a quote, a command or text, and only the reference has types', () => {
  const others = blocks.filter(
    ({ path, from, kind }) =>
      from === undefined &&
      !['js', 'diff', 'sh', 'text', path.startsWith('docs/api/') ? 'ts' : ''].includes(kind),
  );
  expect(others.map(({ name, kind }) => `${name}: ${kind}`)).toEqual([]);
});

const quotes = blocks.flatMap(({ name, from, code }) => (from === undefined ? [] : [{ name, from, code }]));

test.each(quotes)('$name is a part of $from', ({ from, code }) => {
  expect(from).toMatch(/^(examples|test)\//);
  const file = readFileSync(join(projectRoot, from), 'utf8');
  // `// …` stands for lines that the page leaves out.
  for (const part of code.split(/^\/\/ …\n/m)) expect(file).toContain(part.trim());
});

/** A project in which limpet and the packages that the samples import are installed. */
let project: string;

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'limpet-samples-'));
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(projectRoot, join(project, 'node_modules', 'limpet'));
  for (const name of ['express', 'socket.io', 'uWebSockets.js']) {
    symlinkSync(join(projectRoot, 'node_modules', name), join(project, 'node_modules', name));
  }
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Waits until the program answers. Returns the status of the first response. */
async function answerFrom(port: number, path: string): Promise<number> {
  for (let attempt = 0; attempt < 600; attempt++) {
    // Each request uses a new connection, because a kept-alive connection would delay the exit of the program.
    const answer = await ask(port, '127.0.0.1', { path }).catch(() => undefined);
    if (answer) return answer.status;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing answers ${path} on port ${port}, expected a response within 30 s`);
}

test.concurrent.each(samples)('$name runs', async ({ name, code }) => {
  const port = await freePort();
  const file = join(project, `${name.replace(/\W+/g, '-')}.${code.includes('require(') ? 'cjs' : 'mjs'}`);
  writeFileSync(file, code.replaceAll('3000', String(port)));
  const program = spawn(process.execPath, [file], {
    cwd: project,
    env: { ...process.env, ...uwsEnvironment() },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(program, 'exit');
  let errors = '';
  program.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text;
  });
  try {
    const path = code.includes('socket.io') ? '/socket.io/?EIO=4&transport=polling' : '/';
    if (code.includes('3000')) expect(await answerFrom(port, path)).toBe(200);
    else expect(await exited).toEqual([0, null]);
    expect(errors).toBe('');
  } finally {
    program.kill('SIGTERM');
    await exited;
  }
});
