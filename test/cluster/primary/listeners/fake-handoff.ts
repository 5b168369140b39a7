import { vi } from 'vitest';
import type { HandoffOption } from '../../../../src/cluster/primary/listeners/handoff-choice.ts';
import type { ListeningProcess } from '../../../../src/cluster/primary/listeners/listener.ts';
import type { PrimaryMessage } from '../../../../src/cluster/protocol.ts';
import type { BoundAddress, RawHandle } from '../../../../src/connection.ts';
import { LimpetError } from '../../../../src/errors.ts';
import type { HandoffName, PrimaryHandoff, WorkerEndpoint } from '../../../../src/handoff/contract.ts';

export const bound: BoundAddress = { address: '127.0.0.1', family: 'IPv4', port: 4000 };

/** A handoff that opens when the test says so, and records every call. */
export class FakeHandoff implements PrimaryHandoff {
  readonly name: HandoffName;
  readonly open = vi.fn(
    () =>
      new Promise<BoundAddress>((resolve, reject) => {
        this.bind = (address = bound) => resolve(address);
        this.refuse = reject;
      }),
  );
  readonly attach = vi.fn();
  readonly detach = vi.fn();
  readonly updateRing = vi.fn();
  readonly openDirectPorts = vi.fn(async (_slots: number) => {});
  readonly received = vi.fn();
  readonly queued = vi.fn((_slot: number) => 0);
  readonly close = vi.fn(async (_timeoutMs: number) => 0);
  /** Lets the pending open() resolve. */
  bind: (address?: BoundAddress) => void = () => {};
  /** Lets the pending open() reject. */
  refuse: (error: Error) => void = () => {};

  constructor(name: HandoffName = 'fd') {
    this.name = name;
  }

  option(reason = 'the first choice'): HandoffOption {
    return { name: this.name, reason, handoff: this };
  }
}

export function unsupported(handoff: HandoffName, reason: string): LimpetError {
  return new LimpetError('ERR_LIMPET_HANDOFF_UNSUPPORTED', `no ${handoff}`, { handoff, reason });
}

/** A worker process that records what it is sent. */
export function fakeProcess(slot = 0): ListeningProcess & { readonly sent: PrimaryMessage[] } {
  const sent: PrimaryMessage[] = [];
  return {
    sent,
    asked: new Set(),
    endpointFor: vi.fn(
      (listener: number): WorkerEndpoint => ({ slot, workerIndex: 100 + listener, send: () => true }),
    ),
    send: (message) => {
      sent.push(message);
      return true;
    },
  };
}

export function fakeHandle() {
  return { fd: 9, close: vi.fn<RawHandle['close']>() };
}

/** Resolves when all promise callbacks that are due have run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
