import type { Refusal } from '../../binding/typescript/affinity-chain.js';
import type { ListenAddress } from '../../connection.js';
import type { BusiestClient } from '../busiest-client.js';
import type { DirectPorts } from '../listen-address.js';
import type { ListeningSockets } from '../listening-sockets.js';
import type { PendingSettings } from './pending-heads.js';

/** By the ring, or to a slot that is chosen without regard to the client. */
type NewClientRule = 'ring' | 'least-connections' | 'round-robin' | 'random';

export interface IpcSettings {
  readonly sockets: ListeningSockets;
  /** What the sockets are called from one primary to the next; direct ones have names of their own. */
  readonly key: string;
  /** Not looked at where there are `direct` ports instead. */
  readonly address: ListenAddress;
  readonly direct?: DirectPorts | undefined;
  readonly queueMax: number;
  /** A connection could not be served and was closed. */
  readonly refused: (slot: number, reason: string) => void;
  /** A connection was given to `slot`, which may be another than its home. */
  readonly handed: (slot: number, home: number) => void;
  /** The slot's process has taken a connection, so long after it was known whose it is. */
  readonly taken: (slot: number, latencyMs: number) => void;
  /** How connections are placed; without, by their address. */
  readonly pending?: PendingSettings | undefined;
  /** Counts the clients that nothing but their address tells apart. */
  readonly busiest: BusiestClient;
  /** A connection was closed before it could be placed. */
  readonly rejected: (refusal: Refusal) => void;
  /** Where clients go that no rule but `address` knows. */
  readonly newClients: NewClientRule;
  /** A slot takes no more than so many times the mean of clients that the ring places; 0 for no bound. */
  readonly maxLoad: number;
}
