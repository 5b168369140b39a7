/** HTTP/1 request heads, read so strictly that no two readers could read differently what is read here. */
/**
 * - `complete`: the blank line has come, and every byte before it is as RFC 9112 wants it.
 * - `unreadable`: not HTTP/1.0 or 1.1, or written in a way that two readers could read differently: obs-fold, a
 *   bare CR or LF, NUL and other controls, white space before a colon, more than HEADER_LINES_MAX lines.
 */
export type HeadShape = 'partial' | 'complete' | 'unreadable';
/** `name` in lower case, `value` without the white space around it; bytes as Latin-1 characters. */
export interface HeaderLine {
    readonly name: string;
    readonly value: string;
}
export interface RequestHead {
    readonly target: string;
    readonly lines: readonly HeaderLine[];
}
/** Where a scan stands: each byte is looked at once, and the shape is a property of the stream, not of its portions. */
export declare class HeadScan {
    #private;
    /** Bytes looked at; the head's length, the blank line included, once it is complete. */
    scanned: number;
    /** `stream` holds at least what the call before saw. */
    scan(stream: Uint8Array): HeadShape;
}
/** Takes a complete head apart. */
export declare function parseHead(head: Uint8Array): RequestHead;
/** `text` without spaces and tabs at its ends. */
export declare function trimWhitespace(text: string): string;
