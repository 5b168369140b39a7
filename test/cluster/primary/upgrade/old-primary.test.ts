import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { handoffBinding } from '../../../../src/binding/handoff-binding.ts';
import { bindingReport } from '../../../../src/binding/native.ts';
import { OldPrimary } from '../../../../src/cluster/primary/upgrade/old-primary.ts';
import { FakePipe } from './fake-pipe.ts';

const sockets = vi.hoisted(() => [] as { options: unknown; pipe: FakePipe }[]);
vi.mock('node:net', async (original) => ({
  ...(await original<object>()),
  Socket: function FakeSocket(options: unknown) {
    const pipe = new FakePipe();
    sockets.push({ options, pipe });
    return pipe;
  } as unknown as typeof Socket,
}));
vi.mock('../../../../src/binding/handoff-binding.ts');
vi.mock('../../../../src/binding/native.ts');

const state = {
  version: 1,
  pid: 100,
  secret: 'a secret of sixteen bytes',
  workers: 2,
  sockets: [
    { key: ':80', descriptors: [40, 41], managed: false },
    { key: ':81', descriptors: [42], managed: true },
  ],
};
const closeOnExec = vi.fn();
let folder: string;
let fd: number;

/** The old primary has written `text` into the pipe. */
function oldPrimaryWrote(text: string): void {
  const path = join(folder, 'pipe');
  writeFileSync(path, text);
  fd = openSync(path, 'r');
  process.env.LIMPET_LEGACY = String(fd);
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'limpet-old-primary-'));
  fd = -1;
  vi.mocked(bindingReport).mockReturnValue({ kind: 'native', reason: '' });
  vi.mocked(handoffBinding).mockReturnValue({ closeOnExec } as never);
});
afterEach(() => {
  if (fd >= 0) closeSync(fd);
  delete process.env.LIMPET_LEGACY;
  sockets.length = 0;
  vi.resetAllMocks();
  rmSync(folder, { recursive: true });
});

function connected() {
  oldPrimaryWrote(`${JSON.stringify(state)}\n`);
  const primary = OldPrimary.connect() as OldPrimary;
  return { primary, pipe: sockets[0]?.pipe as FakePipe };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('an old primary', () => {
  it.each([undefined, 'three', '3.5'])('is none if LIMPET_LEGACY is %j', (value) => {
    if (value !== undefined) process.env.LIMPET_LEGACY = value;
    expect(OldPrimary.connect()).toBeUndefined();
    expect(process.env.LIMPET_LEGACY).toBeUndefined();
    expect(sockets).toEqual([]);
  });

  it('gives its state once: workers and a second router of the process do not see it', () => {
    const { primary } = connected();
    expect(primary.state).toEqual(state);
    expect(process.env.LIMPET_LEGACY).toBeUndefined();
    expect(OldPrimary.connect()).toBeUndefined();
    expect(sockets.map(({ options }) => options)).toEqual([{ fd, readable: true, writable: true }]);
  });

  it('keeps no process alive, and gives its descriptors to no child', () => {
    const { pipe } = connected();
    expect(pipe.unref).toHaveBeenCalledOnce();
    expect(closeOnExec.mock.calls).toEqual([[fd], [40], [41], [42]]);
  });

  it('is understood without the addon, too', () => {
    vi.mocked(bindingReport).mockReturnValue({ kind: 'twin', reason: '' });
    expect(connected().primary.state).toEqual(state);
    expect(handoffBinding).not.toHaveBeenCalled();
  });

  it('is read up to the end of the first line, and no byte further', async () => {
    oldPrimaryWrote(`${JSON.stringify({ ...state, secret: 'naïve' })}\n{"yours":true}\n`);
    expect(OldPrimary.connect()?.state.secret).toBe('naïve');
    const { readSync } = await import('node:fs');
    const rest = Buffer.alloc(100);
    expect(rest.subarray(0, readSync(fd, rest)).toString()).toBe('{"yours":true}\n');
  });

  it('of another version is refused', () => {
    oldPrimaryWrote(`${JSON.stringify({ ...state, version: 2 })}\n`);
    expect(() => OldPrimary.connect()).toThrow(
      expect.objectContaining({
        code: 'ERR_LIMPET_UPGRADE',
        message:
          'the running primary hands over in a format of another limpet version. Stop it and start this one instead.',
      }),
    );
    expect(sockets).toEqual([]);
  });

  it('is told that this one is ready, or that it fails', () => {
    const { primary, pipe } = connected();
    primary.sendReady();
    expect(pipe.takeWritten()).toEqual([{ ready: true }]);
    primary.sendFailed('no worker became ready');
    expect(pipe.takeWritten()).toEqual([{ failed: 'no worker became ready' }]);
  });

  it('that is gone is told nothing', async () => {
    const { primary, pipe } = connected();
    const write = vi.spyOn(pipe, 'write');
    pipe.destroy();
    await settled();
    primary.sendFailed('too late');
    expect(write).not.toHaveBeenCalled();
  });
});

describe('the handover', () => {
  function handedOver(primary: OldPrimary): () => boolean {
    let done = false;
    primary.handedOver.then(() => {
      done = true;
    });
    return () => done;
  }

  it('is complete when the old primary says so', async () => {
    const { primary, pipe } = connected();
    const done = handedOver(primary);
    pipe.receive({ ready: true });
    pipe.receive({ failed: 'x' });
    await settled();
    expect(done()).toBe(false);
    pipe.receive({ yours: true });
    await settled();
    expect(done()).toBe(true);
  });

  it('is complete when the old primary is gone, without a word', async () => {
    const { primary, pipe } = connected();
    const done = handedOver(primary);
    await settled();
    expect(done()).toBe(false);
    pipe.destroy();
    await settled();
    expect(done()).toBe(true);
  });
});

describe('workers of the new primary', () => {
  it('take no connection until the workers of all slots are ready, then all do', () => {
    const { primary } = connected();
    expect(primary.isServing).toBe(true);
    expect(primary.admit('a', ['a', 'b', undefined])).toEqual([]);
    expect(primary.admit('b', ['a', 'b', undefined])).toEqual([]);
    expect(primary.admit('a', ['a', 'b', undefined])).toEqual([]);
    expect(primary.isServing).toBe(true);
    expect(primary.admit('c', ['a', 'b', 'c'])).toEqual(['a', 'b', 'c']);
    expect(primary.isServing).toBe(false);
  });

  it('are each admitted at once after that', () => {
    const { primary } = connected();
    expect(primary.admit('a', ['a'])).toEqual(['a']);
    expect(primary.admit('a2', ['a', 'b'])).toEqual(['a2']);
    expect(primary.admit('a', ['a', 'b'])).toEqual(['a']);
  });

  it('of one slot may be replaced while the others are waited for', () => {
    const { primary } = connected();
    expect(primary.admit('a', ['a', 'b'])).toEqual([]);
    expect(primary.admit('b', ['a2', 'b'])).toEqual([]);
    expect(primary.admit('a2', ['a2', 'b'])).toEqual(['a', 'b', 'a2']);
  });
});
