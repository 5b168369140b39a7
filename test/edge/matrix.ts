import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { WebSocket } from 'ws';
import { type EdgeSettings, haproxy, nginx } from '../../src/edge/index.ts';
import { makeCertificate } from '../integration/certificate.ts';
import { inParallel } from '../processes/clients.ts';
import { type ProxyName, startProxy } from '../services/proxies.ts';
import { freePort, freePorts } from '../services/service.ts';
import { type Machine, type Ports, secret, startMachine, workers } from './machines.ts';

const generators = { nginx, haproxy };

interface Reply {
  readonly node: string;
  readonly slot: number;
  readonly from: string;
  readonly headers: Record<string, string>;
}

/** A client with its own address, header, query parameter, cookies and connection. */
class Client {
  readonly from: string;
  readonly headers: Record<string, string> = {
    'x-forwarded-for': '203.0.113.99',
    forwarded: 'for=203.0.113.98',
  };
  readonly agent: HttpAgent;

  constructor(number: number, tls: boolean) {
    this.from = `127.3.${number}.1`;
    this.headers['x-user'] = `user ${number}`;
    const keep = { keepAlive: true, maxSockets: 1, localAddress: this.from };
    this.agent = tls ? new HttpsAgent({ ...keep, rejectUnauthorized: false }) : new HttpAgent(keep);
  }

  ask(port: number, tls: boolean): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const ask = tls ? httpsRequest : httpRequest;
      const { agent, headers } = this;
      ask({ port, host: '127.0.0.1', agent, headers, path: `/?user=${this.from}` }, async (response) => {
        this.#keep(response.headers);
        const body = Buffer.concat(await response.toArray()).toString();
        if (response.statusCode === 200) resolve(JSON.parse(body));
        else reject(new Error(`${response.statusCode}: ${body}`));
      })
        .on('error', reject)
        .end();
    });
  }

  async askBySocket(port: number, tls: boolean): Promise<Reply> {
    const { from: localAddress, headers } = this;
    const socket = new WebSocket(`${tls ? 'wss' : 'ws'}://127.0.0.1:${port}/?user=${this.from}`, {
      localAddress,
      headers,
      rejectUnauthorized: false,
    });
    socket.once('open', () => socket.send('?'));
    return new Promise((resolve, reject) => {
      socket.once('error', reject).once('message', (data) => {
        resolve(JSON.parse(String(data)));
        socket.terminate();
      });
    });
  }

  #keep(headers: IncomingHttpHeaders): void {
    const cookies = headers['set-cookie']?.map((each) => each.split(';')[0] as string);
    if (cookies) this.headers.cookie = cookies.join('; ');
  }
}

/** Two machines that serve all combinations, and a certificate. */
export class Stage {
  readonly folder: string;
  machines: Machine[] = [];
  ports: Ports = { port: 0, directPort: 0 };

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'limpet-edge-'));
    const { TLS_KEY, TLS_CERTIFICATE } = makeCertificate();
    writeFileSync(join(this.folder, 'site.pem'), `${TLS_CERTIFICATE}\n${TLS_KEY}`);
  }

  async open(): Promise<void> {
    this.ports = { port: await freePort(), directPort: await freePorts(workers) };
    // The shared port expects PROXY headers. The direct ports still take plain HTTP.
    const options = { affinity: 'proxy-protocol', trust: 'loopback' } as const;
    this.machines = await Promise.all([1, 2].map((number) => startMachine(number, this.ports, options)));
  }

  async close(): Promise<void> {
    await Promise.all(this.machines.map(({ app }) => app.stop()));
    rmSync(this.folder, { recursive: true });
  }
}

export interface Combination {
  readonly name: ProxyName;
  readonly what: string;
  readonly settings: Partial<EdgeSettings>;
}

/** tryCombination() puts the stage's certificate in its place. */
const tls = {} as never;

/** Every combination of the settings that change the text. */
export function everyCombination(name: ProxyName): Combination[] {
  const affinities: Record<string, EdgeSettings['affinity']> = {
    address: 'address',
    cookie: 'cookie',
    header: { header: 'x-user' },
    query: [{ query: 'user' }, 'socket.io', 'address'],
    'cookie and header': ['cookie', { header: 'x-user' }],
  };
  const vias = ['direct', 'shared'] as const;
  const all = Object.entries(affinities).flatMap(([label, affinity]) =>
    vias.flatMap((via) =>
      [{}, { tls }].flatMap((secure) =>
        [{}, { healthPath: '/health' }].flatMap((health) =>
          [{}, { trust: ['127.3.0.0/16'] }].map((trust) => ({
            name,
            what: [via, label, ...Object.keys({ ...secure, ...health, ...trust })].join(', '),
            settings: { via, affinity, ...secure, ...health, ...trust } as Partial<EdgeSettings>,
          })),
        ),
      ),
    ),
  );
  // settings.test.ts covers the combinations that nginx rejects in a stream.
  const isSupported = ({ settings: { via, affinity, trust } }: Combination) =>
    name === 'haproxy' || via === 'direct' || (affinity === 'address' && trust === undefined);
  return all.filter(isSupported);
}

/** Checks that the proxy accepts the text, and that each of eight clients stays on one worker, whatever its headers claim. */
export async function tryCombination(stage: Stage, { name, settings }: Combination): Promise<void> {
  const port = await freePort();
  const tls = settings.tls !== undefined;
  const text = generators[name]({
    nodes: stage.machines.map(({ host, name }) => ({ host, name })),
    workers,
    ...stage.ports,
    via: 'direct',
    secret,
    listen: `127.0.0.1:${port}`,
    ...settings,
    ...(tls ? { tls: { certificate: join(stage.folder, 'site.pem') } } : {}),
  });
  const proxy = await startProxy(name, port, text);
  const clients = Array.from({ length: 8 }, (_, number) => new Client(number, tls));
  try {
    const answers = await inParallel(clients, 4, async (client) => {
      const seen = [await client.ask(port, tls), await client.ask(port, tls)];
      client.agent.destroy();
      return { client, seen: [...seen, await client.ask(port, tls), await client.askBySocket(port, tls)] };
    });
    for (const { client, seen } of answers) {
      const places = new Set(seen.map(({ node, slot }) => `${node}-${slot}`));
      expect(places.size, `workers that served ${client.from}: ${[...places]}`).toBe(1);
      for (const { from, headers } of seen.slice(0, 3)) {
        const address = settings.via === 'shared' ? from : headers['x-forwarded-for'];
        expect(address).toBe(settings.trust ? '203.0.113.99' : client.from);
        if (settings.via !== 'shared' || name === 'haproxy') expect(headers.forwarded).toBeUndefined();
      }
    }
    if (!(settings.trust && ['address', 'cookie'].includes(settings.affinity as string))) {
      const used = new Set(answers.map(({ seen: [first] }) => `${first?.node}-${first?.slot}`));
      expect(used.size).toBeGreaterThan(1);
    }
  } finally {
    for (const { agent } of clients) agent.destroy();
    await proxy.stop();
  }
}
