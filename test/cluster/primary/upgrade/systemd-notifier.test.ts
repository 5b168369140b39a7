import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { serviceBinding } from '../../../../src/binding/service-binding.ts';
import type { RouterEvents } from '../../../../src/cluster/primary/router-events.ts';
import { SystemdNotifier } from '../../../../src/cluster/primary/upgrade/systemd-notifier.ts';
import { publish } from '../../../../src/diagnostics.ts';

vi.mock('../../../../src/binding/service-binding.ts');
vi.mock('../../../../src/diagnostics.ts', () => ({ publish: vi.fn() }));

const path = '/run/systemd/notify';
const ready = (workers = 2) => `READY=1\nSTATUS=serving with ${workers} workers\nMAINPID=${process.pid}`;
const full = Object.assign(new Error('no room'), { code: 'EAGAIN' });

const notify = vi.fn<(path: string, text: string) => void>();
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  vi.mocked(serviceBinding).mockReturnValue({ notify });
});
afterEach(() => {
  vi.useRealTimers();
  vi.resetAllMocks();
});

function notified(watchdogMs = 0) {
  const router = new EventEmitter<RouterEvents>();
  let workers = 2;
  new SystemdNotifier({ path, watchdogMs }, router, () => workers);
  return {
    router,
    scale: (to: number) => {
      workers = to;
    },
    /** The messages since the last call. */
    texts: () => notify.mock.calls.splice(0).map(([, text]) => text),
  };
}

describe('systemd', () => {
  it('is told nothing until the router serves', () => {
    const { router, texts } = notified(1000);
    router.emit('starting', 0, 1);
    vi.advanceTimersByTime(60_000);
    expect(texts()).toEqual([]);
  });

  it('is told on its socket that the router serves, with how many workers and by which process', () => {
    const { router } = notified();
    router.emit('serving');
    expect(notify.mock.calls).toEqual([[path, ready()]]);
  });

  it('is told when a reload begins, and that the router serves on after it', () => {
    const { router, scale, texts } = notified();
    vi.spyOn(process.hrtime, 'bigint').mockReturnValue(1_234_567_891_999n);
    router.emit('reloading');
    scale(3);
    router.emit('reloaded');
    expect(texts()).toEqual(['RELOADING=1\nMONOTONIC_USEC=1234567891', ready(3)]);
  });

  it('is told why the router stops', () => {
    const { router, texts } = notified();
    router.emit('closing', 'SIGTERM');
    expect(texts()).toEqual(['STOPPING=1\nSTATUS=SIGTERM']);
  });

  it('gets two signs of life in the time that it allows, however often the router serves', () => {
    const { router, texts } = notified(1000);
    router.emit('serving');
    router.emit('reloaded');
    texts();
    vi.advanceTimersByTime(499);
    expect(texts()).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(texts()).toEqual(['WATCHDOG=1']);
    vi.advanceTimersByTime(1500);
    expect(texts()).toEqual(['WATCHDOG=1', 'WATCHDOG=1', 'WATCHDOG=1']);
  });

  it('gets no sign of life if it expects none', () => {
    const { router, texts } = notified(0);
    router.emit('serving');
    texts();
    vi.advanceTimersByTime(3_600_000);
    expect(texts()).toEqual([]);
  });

  it('is told nothing without the addon', () => {
    vi.mocked(serviceBinding).mockReturnValue(null);
    const { router } = notified();
    expect(() => router.emit('serving')).not.toThrow();
    expect(publish).not.toHaveBeenCalled();
  });
});

describe('the last message', () => {
  it('names the new primary; after it this process is silent', () => {
    const { router, texts } = notified(1000);
    router.emit('serving');
    texts();
    router.emit('upgraded', 77);
    router.emit('closing', 'process 77 has taken over');
    router.emit('reloaded');
    vi.advanceTimersByTime(60_000);
    expect(texts()).toEqual(['MAINPID=77']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is the one before the router is closed', () => {
    const { router, texts } = notified(1000);
    router.emit('serving');
    router.emit('closing', 'SIGTERM');
    texts();
    router.emit('closed');
    router.emit('serving');
    vi.advanceTimersByTime(60_000);
    expect(texts()).toEqual([]);
  });
});

describe('a message that systemd has no room for', () => {
  it('is sent again every 50 ms until there is room', () => {
    const { router, texts } = notified();
    notify.mockImplementationOnce(() => {
      throw full;
    });
    notify.mockImplementationOnce(() => {
      throw full;
    });
    router.emit('serving');
    expect(texts()).toEqual([ready()]);
    vi.advanceTimersByTime(49);
    expect(texts()).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(texts()).toEqual([ready()]);
    vi.advanceTimersByTime(50);
    expect(texts()).toEqual([ready()]);
    vi.advanceTimersByTime(60_000);
    expect(texts()).toEqual([]);
    expect(publish).not.toHaveBeenCalled();
  });

  it('comes before those that follow', () => {
    const { router, texts } = notified();
    notify.mockImplementationOnce(() => {
      throw full;
    });
    router.emit('serving');
    router.emit('closing', 'SIGTERM');
    expect(texts()).toEqual([ready()]);
    vi.advanceTimersByTime(50);
    expect(texts()).toEqual([ready(), 'STOPPING=1\nSTATUS=SIGTERM']);
  });

  it('is sent later even if the router is closed by then', () => {
    const { router, texts } = notified();
    notify.mockImplementationOnce(() => {
      throw full;
    });
    router.emit('closing', 'SIGTERM');
    router.emit('closed');
    texts();
    vi.advanceTimersByTime(50);
    expect(texts()).toEqual(['STOPPING=1\nSTATUS=SIGTERM']);
  });
});

it('a message that cannot be sent is dropped, with a fault, and the next one is sent', () => {
  const { router, texts } = notified();
  const gone = Object.assign(new Error('no such socket'), { code: 'ENOENT' });
  notify.mockImplementationOnce(() => {
    throw gone;
  });
  router.emit('serving');
  router.emit('closing', 'SIGTERM');
  expect(texts()).toEqual([ready(), 'STOPPING=1\nSTATUS=SIGTERM']);
  const [[channel, payload]] = vi.mocked(publish).mock.calls as never as [[string, () => unknown]];
  expect(channel).toBe('limpet:fault');
  expect(payload()).toEqual({ where: 'service manager', error: gone });
  vi.advanceTimersByTime(60_000);
  expect(texts()).toEqual([]);
});
