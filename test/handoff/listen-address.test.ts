import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { NumericAddress } from '../../src/binding/handoff-binding.ts';
import type { ListenAddress } from '../../src/connection.ts';
import { bindError, directAddress, directKey, listenAt } from '../../src/handoff/listen-address.ts';
import { systemError } from './fake-binding.ts';

const lookup = vi.hoisted(() => vi.fn());
vi.mock('node:dns/promises', () => ({ lookup }));

const tcp = (host: string | undefined, ipv6Only = false): ListenAddress => ({
  port: 3000,
  host,
  ipv6Only,
  backlog: 16,
});

beforeEach(() => {
  lookup.mockReset();
});

describe('listenAt', () => {
  test('passes on a path, an address, and the first address of a name', async () => {
    lookup.mockResolvedValue({ address: '192.0.2.1', family: 4 });
    const same = (numeric: NumericAddress) => numeric;
    expect(await listenAt({ path: '/here', backlog: 16 }, same)).toEqual({ path: '/here' });
    expect(await listenAt(tcp('::1', true), same)).toEqual({ host: '::1', port: 3000, ipv6Only: true });
    expect(lookup).not.toHaveBeenCalled();
    expect(await listenAt(tcp('example.org'), same)).toEqual({
      host: '192.0.2.1',
      port: 3000,
      ipv6Only: false,
    });
    expect(lookup).toHaveBeenCalledExactlyOnceWith('example.org');
  });

  test('without a host stands for all addresses of both families', async () => {
    expect(await listenAt(tcp(undefined, true), (numeric) => numeric)).toEqual({
      host: '::',
      port: 3000,
      ipv6Only: true,
    });
  });

  test.each(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL'])(
    'without a host stands for all IPv4 addresses if IPv6 fails with %s',
    async (code) => {
      const tried: NumericAddress[] = [];
      const result = await listenAt(tcp(undefined, true), (numeric) => {
        tried.push(numeric);
        if ('host' in numeric && numeric.host === '::') throw systemError('socket', code);
        return numeric;
      });
      expect(tried.map((numeric) => 'host' in numeric && numeric.host)).toEqual(['::', '0.0.0.0']);
      expect(result).toEqual({ host: '0.0.0.0', port: 3000, ipv6Only: false });
    },
  );

  test('does not try IPv4 after another error', async () => {
    const listen = vi.fn(() => {
      throw systemError('bind', 'EADDRINUSE');
    });
    await expect(listenAt(tcp(undefined), listen)).rejects.toMatchObject({
      code: 'ERR_LIMPET_ADDRESS_IN_USE',
      facts: { address: '*:3000', systemCode: 'EADDRINUSE' },
    });
    expect(listen).toHaveBeenCalledOnce();
    const withoutCode = () => {
      throw new Error('broken');
    };
    await expect(listenAt(tcp(undefined), withoutCode)).rejects.toThrow('cannot listen on *:3000: broken.');
  });

  test('rejects with the address error, and keeps its cause', async () => {
    const cause = systemError('bind', 'EACCES');
    const failed = listenAt(tcp('127.0.0.1'), () => {
      throw cause;
    });
    await expect(failed).rejects.toMatchObject({ code: 'ERR_LIMPET_ADDRESS_DENIED', cause });
    lookup.mockRejectedValue(systemError('getaddrinfo', 'ENOTFOUND'));
    await expect(listenAt(tcp('nowhere'), () => 1)).rejects.toMatchObject({
      code: 'ERR_LIMPET_ADDRESS_UNAVAILABLE',
      message: expect.stringContaining('cannot listen on nowhere:3000: ENOTFOUND.'),
    });
  });

  test('passes on an error of setsockopt', async () => {
    const refused = systemError('setsockopt', 'ENOMEM');
    const failed = listenAt(tcp('127.0.0.1'), () => {
      throw refused;
    });
    await expect(failed).rejects.toBe(refused);
  });
});

describe('bindError', () => {
  test.each([
    ['EADDRINUSE', 'ERR_LIMPET_ADDRESS_IN_USE', /127\.0\.0\.1:3000: another process.*choose another port\.$/],
    ['EACCES', 'ERR_LIMPET_ADDRESS_DENIED', /127\.0\.0\.1:3000: not permitted.*CAP_NET_BIND_SERVICE\.$/],
    ['EPERM', 'ERR_LIMPET_ADDRESS_DENIED', /not permitted/],
    ['EADDRNOTAVAIL', 'ERR_LIMPET_ADDRESS_UNAVAILABLE', /3000: EADDRNOTAVAIL\. Expected an address of this/],
  ])('%s is %s', (systemCode, code, message) => {
    const cause = systemError('bind', systemCode);
    const error = bindError(cause, tcp('127.0.0.1'));
    expect(error).toMatchObject({ code, cause, facts: { address: '127.0.0.1:3000', systemCode } });
    expect(error.message).toMatch(message);
  });

  test('names the path of a unix socket', () => {
    const error = bindError(systemError('bind', 'EADDRINUSE'), { path: '/run/app.sock', backlog: 16 });
    expect(error.message).toContain('cannot listen on /run/app.sock: another process');
    expect(error.facts).toEqual({ address: '/run/app.sock', systemCode: 'EADDRINUSE' });
  });
});

test('the direct port of a slot is the base and its number, in the key and in the address', () => {
  const ports = { base: 4000, host: '127.0.0.2', ipv6Only: true, backlog: 32, fallback: true };
  expect([directKey(ports, 0), directKey(ports, 7)]).toEqual(['direct:4000', 'direct:4007']);
  expect(directAddress(ports, 7)).toEqual({ port: 4007, host: '127.0.0.2', ipv6Only: true, backlog: 32 });
});
