/**
 * Every diagnostics channel that limpet publishes on, with its payload. Subscribe with
 * `diagnostics_channel.subscribe('limpet:slot', (message) => …)`. Payloads are plain objects, made only when somebody listens.
 */
export interface DiagnosticPayloads {
    /** A slot changed its state. */
    'limpet:slot': {
        slot: number;
        pid: number | undefined;
        state: string;
        reason: string;
    };
    /** A connection could not be served and was closed, with the reason. */
    'limpet:refused': {
        slot: number;
        reason: string;
    };
    /** A connection was served by the fallback of a slot that is down. */
    'limpet:diverted': {
        slot: number;
        to: number;
    };
    /** An error that concerns one connection or one worker and harmed nothing else. */
    'limpet:fault': {
        where: string;
        error: unknown;
    };
}
type Name = keyof DiagnosticPayloads;
/** Publishes if anybody listens; `payload` is built only then. */
export declare function publish<N extends Name>(name: N, payload: () => DiagnosticPayloads[N]): void;
export {};
