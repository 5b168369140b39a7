import type { BoundAddress, ListenAddress, RawHandle } from '../connection.js';
import type { HandoffMessage, HandoffName } from '../handoff/contract.js';
/**
 * The protocol between primary and worker, whole: what is not in these two tables is never sent.
 *
 * It travels on Node's own IPC channel with `cmd: 'NODE_LIMPET'`. Node delivers messages whose cmd begins with NODE_ as
 * 'internalMessage' and never as 'message', so an app's own IPC, and cluster's events, see none of it.
 */
export type WorkerMessage = 
/** The app called listen(): make or find the listener. `key` names it the same in every worker. */
{
    type: 'listen';
    key: string;
    address: ListenAddress;
    server: ServerTraits;
}
/** The server is fed and open: connections may come. */
 | {
    type: 'open';
    listener: number;
}
/** From one half of a handoff to the other. */
 | {
    type: 'handoff';
    listener: number;
    body: HandoffMessage;
}
/** Sign of life. */
 | {
    type: 'beat';
    open: number;
    lagMs: number;
    rssBytes: number;
    debugger: boolean;
}
/** The app closed its server, or the process was told to end: it takes nothing new. */
 | {
    type: 'leaving';
    reason: string;
}
/** Nothing more is taken in, on any listener. */
 | {
    type: 'stopped';
};
export type PrimaryMessage = {
    type: 'bound';
    key: string;
    listener: number;
    address: BoundAddress;
    handoff: HandoffName;
    settings: ListenSettings;
} | {
    type: 'unbound';
    key: string;
    code: string;
    text: string;
} | {
    type: 'handoff';
    listener: number;
    body: HandoffMessage;
}
/** The process is seated: its slot's clients come to it. */
 | {
    type: 'seated';
}
/** Take nothing new; answer 'stopped'. */
 | {
    type: 'stop';
}
/** Finish what is there, then exit; at the deadline, close the rest. */
 | {
    type: 'drain';
    timeoutMs: number;
    reason: string;
};
/** What a worker must know of the router's options to take its half of a handoff. */
export interface ListenSettings {
    readonly stallTimeoutMs: number;
}
/** What the primary must know of a server to choose a handoff for it. */
export interface ServerTraits {
    readonly kind: 'node' | 'uws';
    readonly tls: boolean;
}
/** Hands every limpet message that arrives on `channel` to `take`. `handle`, if any, is then the taker's. */
export declare function receive<M extends WorkerMessage | PrimaryMessage>(channel: unknown, take: (message: M, handle: RawHandle | undefined) => void): void;
/** False, and nothing else, when the channel is closed. `handle` stays the caller's. */
export declare function send<M extends WorkerMessage | PrimaryMessage>(target: unknown, message: M, handle?: RawHandle): boolean;
