/** Milliseconds on a clock that all processes of the machine share and that never steps. */
export declare function sharedClockMs(): number;
