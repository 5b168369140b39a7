import { type HandoffBinding } from '../binding/handoff-binding.js';
import type { BoundAddress, RawHandle } from '../connection.js';
import { LimpetError } from '../errors.js';
import type { Adapter, Served } from './contract.js';
/** An App or SSLApp of uWebSockets.js. */
export interface UwsApp {
    filter(callback: (response: never, change: never) => void): unknown;
    numSubscribers(topic: never): number;
    close(): unknown;
}
/** Takes ownership of a connected socket's descriptor; ends the process when it is none. */
type AdoptingApp = UwsApp & {
    adoptSocket(fd: number): unknown;
};
/**
 * Feeds a uWebSockets.js app. uWS tells nobody when a WebSocket ends, and can close all connections or none: so open ones are
 * counted by their descriptors, and a drain makes each answer the last on its connection. Idle ones go when uWS finds them idle.
 */
export declare class UwsAdapter implements Adapter {
    #private;
    onClosed: (() => void) | undefined;
    constructor(app: AdoptingApp, binding: HandoffBinding, closedByApp: () => void);
    get open(): number;
    listen(bound: BoundAddress): void;
    failed(error: LimpetError): void;
    /** Node does not let go of a descriptor: uWS gets a duplicate. */
    handle(handle: RawHandle): void;
    descriptor(fd: number): void;
    drain(done: () => void): void;
    closeAll(): void;
}
export declare function isUwsApp(given: unknown): given is UwsApp;
/** Throws ERR_LIMPET_ADAPTER when the app, or this limpet, has no way to pass a connection to it. */
export declare function uwsServed(app: UwsApp): Served;
export {};
