import { type HeadBinding } from './twin/head-calls.js';
/** The native reader where there is an addon, else its twin. Loads the addon at the first call. */
export declare function headBinding(): HeadBinding;
