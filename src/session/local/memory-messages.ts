/**
 * The messages between PrimaryMemory and PrimaryMemoryBackend, over Node's own IPC channel.
 *
 * Node emits a message whose `cmd` begins with NODE_ as 'internalMessage', and not as 'message'. So the application never sees these.
 */
import type { ErrorCode } from '../../errors.js';
import type { BackendStatus, Replaced, Row } from '../core/backend.js';

export const cmd = 'NODE_LIMPET_SESSION';

/** The calls that a worker can make. Values must survive JSON, so that `null` stands for an undefined `known`. */
export interface MemoryCalls {
  read(sid: string): Promise<Row | undefined>;
  create(sid: string, raw: string, ttlMs: number): Promise<void>;
  replace(sid: string, known: string | null, raw: string, ttlMs: number): Promise<Replaced>;
  touch(sid: string, ttlMs: number): Promise<boolean>;
  remove(sid: string): Promise<void>;
  sids(): Promise<string[]>;
  follow(sid: string): Promise<void>;
  unfollow(sid: string): Promise<void>;
  status(): Promise<BackendStatus>;
}

/** Worker to primary. */
export interface CallMessage {
  cmd: string;
  /** The answer carries the same number. */
  number: number;
  call: keyof MemoryCalls;
  values: never[];
}

/** Primary to worker: the answer to a call, or the sid of a followed row that has changed. */
export type PrimaryMessage =
  | {
      cmd: string;
      number: number;
      value?: unknown;
      error?: { code: ErrorCode; message: string; facts: object };
    }
  | { cmd: string; changed: string };

interface IpcEnd {
  readonly connected: boolean;
  send?: (
    message: never,
    handle: undefined,
    options: undefined,
    callback: (error: Error | null) => void,
  ) => boolean;
}

/**
 * Sends a message. Returns false when the channel is closed. An error of the channel is ignored: the call that waits for an answer
 * then ends at its deadline.
 */
export function sendMessage(end: IpcEnd, message: object): boolean {
  if (!end.connected || !end.send) return false;
  end.send(message as never, undefined, undefined, () => undefined);
  return true;
}
