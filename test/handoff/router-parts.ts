import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type HandoffBinding, handoffBinding } from '../../src/binding/handoff-binding.js';
import type { BoundAddress, ListenAddress, RawHandle } from '../../src/connection.js';
import { Acceptor } from '../../src/handoff/acceptor.js';
import type { PrimaryHandoff, WorkerEndpoint } from '../../src/handoff/contract.js';
import { FdPrimary } from '../../src/handoff/fd/primary.js';
import { KernelPrimary } from '../../src/handoff/kernel/primary.js';
import { ListeningSockets } from '../../src/handoff/listening-sockets.js';
import { SlotRing } from '../../src/ring/slot-ring.js';

const workerFile = fileURLToPath(new URL('../fixtures/handoff/worker.js', import.meta.url));

export interface Worker {
  readonly child: ChildProcess;
  readonly endpoint: WorkerEndpoint;
}

export interface RouterPartsOptions {
  readonly slots?: number;
  readonly address?: ListenAddress;
  readonly queueMax?: number;
  /** Workers keep their connections open until the client closes them. */
  readonly keepOpen?: boolean;
  /** The most descriptors that a worker may have. */
  readonly descriptorsMax?: number;
}

/** The parts of a router, which a test controls: a ring, one listener with its handoff, and forked workers. */
export class RouterParts {
  readonly binding: HandoffBinding = handoffBinding() as HandoffBinding;
  readonly ring: SlotRing;
  readonly acceptor: Acceptor;
  readonly primary: PrimaryHandoff;
  readonly workers: Worker[] = [];
  bound: BoundAddress | undefined;
  #workerIndex = 0;
  readonly #options: RouterPartsOptions;

  constructor(handoff: 'kernel' | 'fd', options: RouterPartsOptions = {}) {
    this.#options = options;
    this.ring = new SlotRing({ slots: options.slots ?? 4, key: Buffer.from('limpets!') });
    this.acceptor = new Acceptor(
      this.binding,
      this.ring,
      {
        queueMax: options.queueMax ?? 10_000,
        spreadEvenly: false,
        maxLoad: 0,
        headTimeoutMs: 5000,
        pendingMax: 10_000,
        pendingPerAddressMax: 1000,
      },
      new ListeningSockets(),
    );
    const address = options.address ?? { port: 0, host: '127.0.0.1', ipv6Only: false, backlog: 4096 };
    const on = { listener: 7, key: 'parts', address };
    this.primary =
      handoff === 'kernel'
        ? new KernelPrimary(this.ring, this.acceptor, on)
        : new FdPrimary(this.acceptor, on);
  }

  get port(): number {
    return (this.bound as { port: number }).port;
  }

  async open(): Promise<void> {
    this.bound = await this.primary.open();
  }

  /** Forks a worker for each slot and attaches it. */
  async fill(): Promise<void> {
    await Promise.all(Array.from({ length: this.ring.size }, (_, slot) => this.attach(slot)));
  }

  async attach(slot: number): Promise<Worker> {
    const workerIndex = this.#workerIndex++;
    const [channel, memory] = this.acceptor.inheritedDescriptors(slot);
    const { keepOpen = false, descriptorsMax } = this.#options;
    const child = fork(workerFile, {
      stdio: ['inherit', 'inherit', 'inherit', 'ipc', channel, memory],
      execPath: descriptorsMax === undefined ? process.execPath : '/bin/sh',
      execArgv:
        descriptorsMax === undefined
          ? []
          : ['-c', `ulimit -n ${descriptorsMax}; exec "$0" "$@"`, process.execPath],
      env: {
        ...process.env,
        HANDOFF_WORKER: JSON.stringify({
          handoff: this.primary.name,
          listener: 7,
          slot,
          workerIndex,
          channel: 4,
          memory: 5,
          keepOpen,
        }),
      },
    });
    const endpoint: WorkerEndpoint = {
      slot,
      workerIndex,
      send: (body, handle) => {
        if (!child.connected) return false;
        // As in the cluster: errors are ignored, because the exit event reports that the worker is gone.
        child.send({ handoff: body }, handle as never, undefined, () => {});
        return true;
      },
    };
    child.on('message', (message: { handoff?: Record<string, unknown> }, handle) => {
      if (message.handoff) this.primary.received(endpoint, message.handoff, handle as unknown as RawHandle);
    });
    await this.hears(child, 'ready');
    const worker = { child, endpoint };
    this.workers[slot] = worker;
    this.primary.attach(endpoint);
    return worker;
  }

  /** Resolves to the value of this member in the worker's next message that has it. */
  async hears<T>(child: ChildProcess, name: string): Promise<T> {
    for (;;) {
      const [message] = (await once(child, 'message')) as [Record<string, T>];
      if (message[name] !== undefined) return message[name];
    }
  }

  async kill(slot: number, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const { child, endpoint } = this.workers[slot] as Worker;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
    this.primary.detach(endpoint, true);
  }

  /** As in a reload: the old worker stops, then the new one is attached. */
  async replace(slot: number): Promise<void> {
    const { child, endpoint } = this.workers[slot] as Worker;
    child.send({ stop: true });
    await this.hears(child, 'stopped');
    this.primary.detach(endpoint, false);
    await this.attach(slot);
    const exited = once(child, 'exit');
    child.disconnect();
    await exited;
    this.primary.detach(endpoint, true);
  }

  down(slot: number): void {
    this.ring.down(slot);
    this.primary.updateRing(this.ring);
  }

  up(slot: number): void {
    this.ring.up(slot);
    this.primary.updateRing(this.ring);
  }

  async close(timeoutMs = 2000): Promise<number> {
    const left = await this.primary.close(timeoutMs);
    for (const { child } of this.workers) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
    this.acceptor.stop();
    return left;
  }
}

export interface Served {
  readonly slot: number;
  readonly pid: number;
}

/** Connects from `from` and resolves to the answer. Rejects if the connection fails before. */
export function visit(port: number, from: string, host = '127.0.0.1'): Promise<Served> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host, localAddress: from });
    let text = '';
    socket.setTimeout(15_000, () => socket.destroy(new Error('no answer within 15 s')));
    socket.on('data', (chunk) => {
      text += chunk;
      if (!text.endsWith('\n')) return;
      resolve(JSON.parse(text) as Served);
      socket.resetAndDestroy();
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed without an answer')));
  });
}

/** Visits from every address, `width` at a time. */
export async function visitAll(port: number, from: readonly string[], width = 64): Promise<Served[]> {
  const served: Served[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (let i = next++; i < from.length; i = next++) served[i] = await visit(port, from[i] as string);
    }),
  );
  return served;
}

/** `count` different addresses in 127.0.0.0/8. */
export function loopback(count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const n = i + 256;
    return `127.${(n >> 14) & 0xff}.${(n >> 7) & 0x7f}.${(n & 0x7f) + 1}`;
  });
}
