import type { ListenAddress } from '../connection.js';
import { LimpetError } from '../errors.js';
/** The system's refusal to bind or listen, in words that say what to do. */
export declare function bindError(error: NodeJS.ErrnoException, address: ListenAddress): LimpetError;
