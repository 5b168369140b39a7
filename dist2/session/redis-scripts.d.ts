/** A script with the digest that EVALSHA asks for. One key each, so that it runs on any node of a Cluster. */
export interface Script {
    readonly source: string;
    readonly digest: string;
}
export declare function sha1(text: string): string;
/** ARGV: text, milliseconds to live. */
export declare const createScript: Script;
/** ARGV: SHA-1 of the row that is expected ('' for any), text, milliseconds. 1: stored; 0: no row; else the row and its PTTL. */
export declare const replaceScript: Script;
/** ARGV: milliseconds. 1: set; 0: no row. */
export declare const touchScript: Script;
