/**
 * Reads an id that a limpet worker made: 20 characters of base64url, 15 bytes: 8 at random, slot, incarnation, and 5
 * of tag, the first 5 of SipHash-2-4 of the 10 before them. Undefined when it is anything else.
 */
export declare function readEngineIoSid(sid: string, key: Uint8Array): {
    slot: number;
    incarnation: number;
} | undefined;
