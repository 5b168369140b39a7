/**
 * The sid that a Cookie header carries under `name`, signed with one of `secrets` as express-session signs
 * (`s:<sid>.<base64 of HMAC-SHA256, without =>`, compared in constant time); undefined when there is none.
 */
export declare function sidFromCookies(header: string | undefined, name: string, secrets: readonly string[]): string | undefined;
/** The value of the cookie for `sid`, before URL encoding. */
export declare function signedSid(sid: string, secret: string): string;
