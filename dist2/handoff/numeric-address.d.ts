import type { NumericAddress } from '../binding/handoff-binding.js';
import type { ListenAddress } from '../connection.js';
/**
 * Calls `listen` with the address in the system's own terms, as net.Server does: a name stands for its first address, no host
 * for every address of both families, or of IPv4 where there is no IPv6. Whatever fails rejects with the LimpetError that says so;
 * an error of `setsockopt` is passed on as it is.
 */
export declare function listenAt<T>(address: ListenAddress, listen: (numeric: NumericAddress) => T): Promise<T>;
