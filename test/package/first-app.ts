import type { AddressInfo } from 'node:net';
import { addresses, ask } from '../processes/clients.ts';
import type { EmptyProject } from './project.ts';

/** An unmodified server with sessions. Each response has the slot, and how often the session was seen. */
const app = `
  import { createServer } from 'node:http';
  import { sessions } from 'limpet/session';
  const session = sessions({ secret: 'known to this test alone' });
  const server = createServer((request, response) => session(request, response, () => {
    request.session.seen = (request.session.seen ?? 0) + 1;
    response.end(JSON.stringify({ slot: process.env.LIMPET_SLOT, seen: request.session.seen }));
  }));
  server.listen(0, '127.0.0.1');`;

export interface Served {
  readonly handoff: unknown;
  /** How often the session was seen, for each of 24 requests with one cookie from 24 addresses. */
  readonly seen: readonly number[];
  readonly slots: number;
}

/** Starts the app on two workers with the installed `limpet start`, and sends requests to both with one session. */
export async function startAndVisit(project: EmptyProject, node: string): Promise<Served> {
  const running = project.start(app, node);
  try {
    const { address, handoff } = await running.says(/^listening on/);
    for (const slot of [0, 1]) await running.says(new RegExp(`^slot ${slot}: worker \\d+ is ready`));
    const { port } = address as AddressInfo;
    let cookie = '';
    const answers: { slot: string; seen: number }[] = [];
    for (const from of addresses(24)) {
      const { headers, body } = await ask(port, from, { headers: { cookie } });
      cookie ||= headers['set-cookie']?.[0]?.split(';', 1)[0] ?? '';
      answers.push(JSON.parse(body));
    }
    return {
      handoff,
      seen: answers.map(({ seen }) => seen),
      slots: new Set(answers.map(({ slot }) => slot)).size,
    };
  } finally {
    await running.stop();
  }
}

/** The result of startAndVisit() for a working handoff: every request increases the count, on both workers. */
export const ofBothSlots: Omit<Served, 'handoff'> = {
  seen: Array.from({ length: 24 }, (_, before) => before + 1),
  slots: 2,
};

/** A server that sends itself one request and closes, as a new user may try it. */
const serveOnce = `
  if (!listen(server, { port: 0, host: '127.0.0.1' }, { workers: 2 })) {
    server.once('listening', async () => {
      const answer = await fetch('http://127.0.0.1:' + server.address().port);
      console.log(await answer.text());
      server.close();
    });
  }`;
export const withImport: string = `
  import { createServer } from 'node:http';
  import { listen } from 'limpet';
  const server = createServer((request, response) => response.end('served'));${serveOnce}`;
export const withRequire: string = `
  const { listen } = require('limpet');
  const server = require('http').createServer((request, response) => response.end('served'));${serveOnce}`;
