/** Which binding this process uses, and why: for `limpet doctor`, for status and for the notice. */
export interface BindingReport {
    /** `failed`: an addon is there and does not load, or the one asked for is missing; {@link native} throws why. */
    readonly kind: 'native' | 'twin' | 'failed';
    /** The addon's file, where one was found. */
    readonly path?: string;
    /** One sentence, no full stop. */
    readonly reason: string;
}
/** What the addon exports: one object an area, each typed by the view beside this file that reads it. */
export type NativeAddon = Readonly<Record<string, unknown>>;
/**
 * The addon, or null where the twin serves. Loaded at the first call, once a process.
 * @throws LimpetError ERR_LIMPET_NATIVE when an addon is there and does not load, or LIMPET_BINDING=native finds none;
 *   ERR_LIMPET_OPTION when LIMPET_BINDING is neither `native` nor `twin`.
 */
export declare function native(): NativeAddon | null;
/** Which binding is in use and why. Loads it if nothing has yet; never throws. */
export declare function bindingReport(): BindingReport;
/**
 * Tells once, on stderr, that the twin serves and why; the primary calls it. Silent when the addon is in use, and
 * when the twin was asked for.
 */
export declare function noticeTwin(): void;
