import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { type EdgeSettings, haproxy, nginx } from '../../src/edge/index.ts';
import { makeCertificate } from '../integration/certificate.ts';
import { needs } from '../needs.ts';
import { inParallel } from '../processes/clients.ts';
import { type ProxyName, startProxy } from '../services/proxies.ts';
import { freePort, freePorts } from '../services/service.ts';
import { type Machine, type Ports, secret, startMachine, workers } from './machines.ts';

const generators = { nginx, haproxy };
const proxies = (['nginx', 'haproxy'] as const).filter((name) => needs(name));

interface Told {
  readonly node: string;
  readonly slot: number;
  readonly from: string;
  readonly headers: Record<string, string>;
}

let machines: Machine[] = [];
let ports: Ports;
let folder: string;
beforeAll(async () => {
  if (proxies.length === 0) return;
  folder = mkdtempSync(join(tmpdir(), 'limpet-edge-'));
  const { TLS_KEY, TLS_CERTIFICATE } = makeCertificate();
  writeFileSync(join(folder, 'site.pem'), `${TLS_CERTIFICATE}\n${TLS_KEY}`);
  ports = { port: await freePort(), directPort: await freePorts(workers) };
  // The shared port wants PROXY headers; the direct ones take plain HTTP all the same.
  const options = { affinity: 'proxy-protocol', trust: 'loopback' } as const;
  machines = await Promise.all([1, 2].map((number) => startMachine(number, ports, options)));
});
afterAll(async () => {
  await Promise.all(machines.map(({ app }) => app.stop()));
  if (folder) rmSync(folder, { recursive: true });
});

/** What tells the clients of a combination apart, besides their addresses. */
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

  ask(port: number, tls: boolean): Promise<Told> {
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

  async askBySocket(port: number, tls: boolean): Promise<Told> {
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

interface Combination {
  readonly name: ProxyName;
  readonly what: string;
  readonly settings: Partial<EdgeSettings>;
}

const combinations: Combination[] = proxies.flatMap((name) => {
  const affinities = { address: 'address', cookie: 'cookie', header: { header: 'x-user' } } as const;
  const direct = Object.entries(affinities).flatMap(([what, affinity]) => [
    { name, what: `direct, ${what}`, settings: { affinity } },
    {
      name,
      what: `direct, ${what}, TLS, checks`,
      settings: { affinity, tls: {} as never, healthPath: '/health' },
    },
  ]);
  const more = [
    { name, what: 'direct, a list', settings: { affinity: ['cookie', { header: 'x-user' }] } as const },
    {
      name,
      what: 'direct, query',
      settings: { affinity: [{ query: 'user' }, 'socket.io', 'address'] } as const,
    },
    { name, what: 'direct, behind a balancer', settings: { trust: ['127.3.0.0/16'] } },
    { name, what: 'shared, address', settings: { via: 'shared' } as const },
    {
      name,
      what: 'shared, address, TLS, checks',
      settings: { via: 'shared', tls: {} as never, healthPath: '/health' } as const,
    },
    ...(name === 'haproxy'
      ? [
          {
            name,
            what: 'shared, cookie',
            settings: { via: 'shared', affinity: 'cookie', maxLoad: 2 } as const,
          },
        ]
      : []),
  ];
  return [...direct, ...more];
});

describe.skipIf(combinations.length === 0).concurrent('a generated configuration', () => {
  test.each(combinations)('of $name: $what', async ({ name, settings }) => {
    const port = await freePort();
    const tls = settings.tls !== undefined;
    const text = generators[name]({
      nodes: machines.map(({ host, name }) => ({ host, name })),
      workers,
      ...ports,
      via: 'direct',
      secret,
      listen: `127.0.0.1:${port}`,
      ...settings,
      ...(tls ? { tls: { certificate: join(folder, 'site.pem') } } : {}),
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
        expect(places.size, `${client.from} was on ${[...places]}`).toBe(1);
        for (const { from, headers } of seen.slice(0, 3)) {
          const told = settings.via === 'shared' ? from : headers['x-forwarded-for'];
          expect(told).toBe(settings.trust ? '203.0.113.99' : client.from);
          if (settings.via !== 'shared' || name === 'haproxy') expect(headers.forwarded).toBeUndefined();
        }
      }
      if (!settings.trust) {
        const used = new Set(answers.map(({ seen: [first] }) => `${first?.node}-${first?.slot}`));
        expect(used.size).toBeGreaterThan(1);
      }
    } finally {
      for (const { agent } of clients) agent.destroy();
      await proxy.stop();
    }
  });
});
