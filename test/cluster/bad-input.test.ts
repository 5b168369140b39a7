import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { startApp } from '../processes/app.js';
import { childrenOf, runs } from '../processes/descriptors.js';

/** For each mistake the code of the error, and the words of its message: what was wrong, and what to do. */
const thrown: [mistake: string, code: string, ...words: (string | RegExp)[]][] = [
  ['unknown option', 'ERR_LIMPET_OPTION', 'worker is not known', 'Did you mean workers?'],
  ['zero workers', 'ERR_LIMPET_OPTION', 'workers', 'got 0', 'from 1 to 256'],
  ['10000 workers', 'ERR_LIMPET_OPTION', 'got 10000', 'from 1 to 256'],
  ['short secret', 'ERR_LIMPET_OPTION', 'secret', '16 bytes'],
  ['no port', 'ERR_LIMPET_OPTION', 'neither a port nor a path'],
  ['bad port', 'ERR_LIMPET_OPTION', 'got 65536', 'from 0 to 65535'],
  ['no server', 'ERR_LIMPET_ADAPTER', 'expected'],
  ['handoff unknown', 'ERR_LIMPET_OPTION', 'telepathy', '"ipc"'],
  ['listens already', 'ERR_LIMPET_ADAPTER', 'listens already', 'Remove'],
  ['no worker file', 'ERR_LIMPET_WORKER_START', '/nowhere/app.js', 'exec'],
  ['forked by hand', 'ERR_LIMPET_ROLE', 'cluster.fork()'],
  ['router in a worker', 'ERR_LIMPET_ROLE', 'in a worker'],
  ['bad address', 'ERR_LIMPET_ADDRESS', '10.0.0.256', 'expected'],
  ['other options', 'ERR_LIMPET_OPTION', 'second listen()'],
];

describe('a mistake of the app', () => {
  it.each(thrown)('%s throws %s with a message that helps', async (mistake, code, ...words) => {
    const app = startApp('apps/routers/bad-input.js', { args: [mistake] });
    const answer = await app.hears('answer');
    expect(answer.name).toBe('LimpetError');
    expect(answer.code).toBe(code);
    for (const word of words) expect(answer.message).toMatch(word);
    await app.ended;
  });

  it('a port in use ends the process with one line on stderr, exit code 1, no stack and no worker left', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const busy = String((holder.address() as AddressInfo).port);
    const app = startApp('apps/routers/bad-input.js', { args: ['port in use', busy] });
    const children = new Set<number>();
    const look = setInterval(() => {
      try {
        for (const pid of childrenOf(app.pid)) children.add(pid);
      } catch {
        clearInterval(look);
      }
    }, 1);
    const ended = await app.ended;
    clearInterval(look);
    holder.close();
    expect(ended.code).toBe(1);
    expect(app.output).toMatch(
      new RegExp(`^limpet: cannot listen on 127.0.0.1:${busy}.*ERR_LIMPET_ADDRESS_IN_USE`, 'm'),
    );
    expect(app.output).not.toMatch(/^\s+at /m);
    for (const pid of children) expect(runs(pid)).toBe(false);
  });

  it('a port in use is an error event of the server, if that has a listener for it', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const busy = String((holder.address() as AddressInfo).port);
    const app = startApp('apps/routers/bad-input.js', { args: ['port in use, heard', busy] });
    expect((await app.hears('answer')).code).toBe('ERR_LIMPET_ADDRESS_IN_USE');
    expect((await app.ended).code).toBe(7);
    holder.close();
  });

  it.for(['ipc', 'fd', 'kernel'])(
    'a port that the system does not permit ends the process, by %s',
    async (handoff, { skip }) => {
      const from = '/proc/sys/net/ipv4/ip_unprivileged_port_start';
      skip(
        !existsSync(from) || Number(readFileSync(from, 'utf8')) < 2,
        'this system permits every port to every user',
      );
      const app = startApp('apps/routers/bad-input.js', { args: ['port not permitted', '1', handoff] });
      expect((await app.ended).code).toBe(1);
      expect(app.output).toMatch(
        /^limpet: cannot listen on 127\.0\.0\.1:1: not permitted.*ERR_LIMPET_ADDRESS_DENIED/m,
      );
    },
  );

  it('a host that is no address of this machine ends the process', async () => {
    const app = startApp('apps/routers/bad-input.js', { args: ['host of nobody'] });
    expect((await app.ended).code).toBe(1);
    expect(app.output).toMatch(/203\.0\.113\.1.*ERR_LIMPET_ADDRESS_UNAVAILABLE/);
  });

  it('a worker that always exits at once is reported once, and the process ends', async () => {
    const app = startApp('apps/routers/bad-input.js', { args: ['exits at once'] });
    expect((await app.ended).code).toBe(1);
    expect(app.output.match(/ERR_LIMPET_WORKER_START/g)?.length).toBe(1);
    expect(app.output).not.toMatch(/^\s+at /m);
  });
});
