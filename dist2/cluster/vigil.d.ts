import type { CheckedRouterOptions } from '../options.js';
import type { Occupant } from './occupant.js';
/** Watches the workers' signs of life: who is stalled, who is late to be ready. */
export declare class Vigil {
    #private;
    constructor(options: CheckedRouterOptions, occupants: () => Iterable<Occupant>, stalled: (occupant: Occupant, stalled: boolean) => void);
    /** The process said something; `debugged` when a debugger may hold it from now on. */
    heard(occupant: Occupant, debugged: boolean): void;
    end(): void;
}
