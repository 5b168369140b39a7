import { createHmac } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Affinity, Trust } from '../../../../src/affinity-options.ts';
import { RouterAffinity } from '../../../../src/cluster/primary/listeners/router-affinity.ts';
import { unpackAffinity } from '../../../../src/cluster/protocol.ts';
import type { LimpetError } from '../../../../src/errors.ts';
import { checkRouterOptions, type RouterOptions } from '../../../../src/options.ts';
import { deriveKey } from '../../../../src/ring/secret.ts';
import { SlotRing } from '../../../../src/ring/slot-ring.ts';

const secret = 'a secret of sixteen bytes';
const node = { kind: 'node', tls: false } as const;

const affinities: RouterAffinity[] = [];
afterEach(() => {
  for (const affinity of affinities.splice(0)) affinity.close();
});

function affinityOf(affinity: Affinity, options: RouterOptions = {}, itsSecret = secret): RouterAffinity {
  const one = new RouterAffinity(checkRouterOptions({ affinity, ...options }), itsSecret);
  affinities.push(one);
  return one;
}

function errorOf(call: () => unknown): LimpetError {
  try {
    call();
  } catch (error) {
    return error as LimpetError;
  }
  throw new Error('nothing was thrown');
}

/** The warnings of a router with these options. */
function warnings(affinity: Affinity, trust?: Trust): string[] {
  const heard: string[] = [];
  const emit = vi.spyOn(process, 'emitWarning').mockImplementation((message, options) => {
    expect(options).toEqual({ type: 'LimpetWarning', code: 'LIMPET_NO_TRUST' });
    heard.push(String(message));
  });
  onTestFinished(() => emit.mockRestore());
  affinityOf(affinity, trust ? { trust } : {}).warnOfIdleRules();
  return heard;
}

describe('a rule that believes proxies', () => {
  it.each<[Affinity, string]>([
    ['proxy-protocol', 'proxy-protocol'],
    ['forwarded', 'forwarded'],
    [['cookie', 'forwarded', { by: 'proxy-protocol' }], 'forwarded and proxy-protocol'],
    [['forwarded', { by: 'proxy-protocol', trust: 'loopback' }], 'forwarded'],
  ])('of %j is warned of if nobody is trusted', (affinity, rules) => {
    expect(warnings(affinity)).toEqual([
      `affinity by ${rules} believes proxies, and trust names none: the next rule decides for every client. ` +
        "Set trust to the proxy's address, as in trust: '10.0.0.7' or 'loopback' (docs/affinity.md).",
    ]);
  });

  it.each<[Affinity, Trust?]>([
    ['address'],
    ['cookie'],
    ['forwarded', 'loopback'],
    ['proxy-protocol', ['10.0.0.0/8']],
    [{ by: 'forwarded', trust: 'unix' }],
  ])('of %j with trust %j causes no warning', (affinity, trust) => {
    expect(warnings(affinity, trust)).toEqual([]);
  });
});

describe('the rules of a router', () => {
  it('have a text', () => {
    expect(affinityOf(['cookie', { header: 'X-User' }]).label).toBe('cookie, header X-User, address');
  });

  it.each<[Affinity, boolean]>([
    ['address', false],
    ['proxy-protocol', false],
    [{ header: 'x-user' }, true],
    ['socket.io', true],
  ])('%j forward requests: %s', (affinity, forwards) => {
    expect(affinityOf(affinity).forwardsRequests).toBe(forwards);
  });

  it('spread clients evenly only if the option says so', () => {
    expect(affinityOf('cookie').spreadEvenly).toBe(false);
    expect(affinityOf('cookie', { spread: 'least-connections' }).spreadEvenly).toBe(true);
    expect(affinityOf('socket.io', { spread: 'least-connections' }).spreadEvenly).toBe(true);
  });

  it.each<Affinity>(['address', 'forwarded', { header: 'x-user' }, { cookie: 'sid' }])(
    '%j cannot spread clients evenly, because these carry no slot',
    (affinity) => {
      const error = errorOf(() => affinityOf(affinity, { spread: 'least-connections' }));
      const label = affinityOf(affinity).label;
      expect(error).toMatchObject({
        code: 'ERR_LIMPET_OPTION',
        message:
          `option spread: 'least-connections' needs clients that carry their slot, and clients of affinity ${label} do not. ` +
          "Add 'cookie' or 'socket.io' to affinity.",
        facts: { option: 'spread', affinity: label },
      });
    },
  );
});

describe('the rules for a server', () => {
  it('consume the PROXY header for a Node server, and keep it for uWebSockets.js', () => {
    const affinity = affinityOf('proxy-protocol', { trust: 'loopback' });
    expect(affinity.compile(node).chain.proxyHeader.use).toBe('consumed');
    expect(affinity.compile({ kind: 'uws', tls: false }).chain.proxyHeader.use).toBe('kept');
  });

  it('cannot read a head that a uWebSockets.js server decrypts', () => {
    const affinity = affinityOf({ header: 'x-user' });
    expect(errorOf(() => affinity.compile({ kind: 'uws', tls: true }))).toMatchObject({
      code: 'ERR_LIMPET_AFFINITY_TLS',
      message:
        'affinity by header x-user, address must read request heads, and only this uWebSockets.js app can decrypt them. ' +
        "End TLS in front of limpet, or use the affinity 'address' or 'proxy-protocol'.",
      facts: { affinity: 'header x-user, address' },
    });
    expect(affinity.compile({ kind: 'uws', tls: false }).readsHead).toBe(true);
    expect(affinity.compile({ kind: 'node', tls: true }).readsHead).toBe(true);
    expect(affinityOf('address').compile({ kind: 'uws', tls: true }).peeks).toBe(false);
  });

  it('use the options of the router', () => {
    const { chain } = affinityOf('cookie', { headBytes: 5000 }).compile(node);
    expect(chain.headBytesMax).toBe(5000);
  });
});

describe('keys and names', () => {
  const sealOf = (options: RouterOptions, itsSecret?: string) =>
    affinityOf('cookie', options, itsSecret).compile(node).cookie?.seal;

  it('are derived from the secret, 16 bytes each', () => {
    const { chain } = affinityOf('socket.io').compile(node);
    expect(chain.sidKey).toEqual(deriveKey(secret, 'sid', 16));
    expect(sealOf({ node: 'one' })?.key).toEqual(deriveKey(secret, 'cookie', 16));
    expect(sealOf({ node: 'one' }, 'another secret of bytes')?.key).not.toEqual(sealOf({ node: 'one' })?.key);
  });

  it('hide the name of the machine: 8 characters that depend on name and secret', () => {
    const one = sealOf({ node: 'one' })?.node;
    expect(one).toMatch(/^[\w-]{8}$/);
    const digest = createHmac('sha256', deriveKey(secret, 'node', 32))
      .update('one')
      .digest('base64url');
    expect(one).toBe(digest.slice(0, 8));
    expect(sealOf({ node: 'one' })?.node).toBe(one);
    expect(sealOf({ node: 'two' })?.node).not.toBe(one);
    expect(sealOf({ node: 'one' }, 'another secret of bytes')?.node).not.toBe(one);
    expect(sealOf({})?.node).toBe(sealOf({ node: hostname() })?.node);
  });
});

describe('the settings of a worker', () => {
  const ring = new SlotRing({ slots: 3, key: new Uint8Array(8).fill(7), buckets: 256, ipv6Prefix: 56 });
  const settingsOf = (affinity: RouterAffinity) => unpackAffinity(affinity.serializeSettings(ring));

  it('have no forwarding if no rule reads requests', () => {
    expect(settingsOf(affinityOf('address'))).toEqual({
      cookie: undefined,
      sidKey: deriveKey(secret, 'sid', 16),
      proxied: false,
      forwarding: undefined,
    });
  });

  it('say whether trusted peers send PROXY headers', () => {
    expect(settingsOf(affinityOf('proxy-protocol', { trust: 'loopback' })).proxied).toBe(true);
  });

  it('have the cookie, the rules and the ring if requests may be forwarded', () => {
    const affinity = affinityOf(['cookie', 'proxy-protocol'], { trust: 'loopback', node: 'one' });
    const { cookie, forwarding } = settingsOf(affinity);
    expect(cookie).toEqual(affinity.compile(node).cookie);
    expect(forwarding?.chain).toEqual(affinity.compile(node).chain);
    expect(forwarding?.ring).toEqual({
      slots: 3,
      buckets: 256,
      key: new Uint8Array(8).fill(7),
      ipv6Prefix: 56,
    });
  });

  it('name one directory for all workers, which only this user can open, and which close() removes', ({
    skip,
  }) => {
    skip(process.platform === 'win32', 'Windows has pipes in place of a directory');
    const affinity = affinityOf('cookie');
    const directory = settingsOf(affinity).forwarding?.directory as string;
    expect(dirname(directory)).toBe(tmpdir());
    expect(directory).toMatch(/limpet-\w+$/);
    expect(settingsOf(affinity).forwarding?.directory).toBe(directory);
    expect(settingsOf(affinityOf('cookie')).forwarding?.directory).not.toBe(directory);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    affinity.close();
    expect(existsSync(directory)).toBe(false);
    expect(() => affinity.close()).not.toThrow();
  });

  it('name pipes that nobody can guess on Windows', () => {
    const platform = vi.spyOn(process, 'platform', 'get').mockReturnValue('win32');
    onTestFinished(() => platform.mockRestore());
    const names = [affinityOf('cookie'), affinityOf('cookie')].map(
      (affinity) => settingsOf(affinity).forwarding?.directory,
    );
    for (const name of names) expect(name).toMatch(/^limpet-[0-9a-f]{16}$/);
    expect(names[0]).not.toBe(names[1]);
  });

  it('make no directory if no request can be forwarded', () => {
    const folder = mkdtempSync(join(tmpdir(), 'limpet-affinity-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const before = process.env.TMPDIR;
    process.env.TMPDIR = folder;
    const affinity = affinityOf('proxy-protocol');
    settingsOf(affinity);
    const made = readdirSync(folder);
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    expect(made).toEqual([]);
  });
});
