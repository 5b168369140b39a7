/** Query parameters as a router may read them: what two readers could read differently is not read. */
/**
 * The raw value of the one parameter called `name` (bytes as Latin-1 characters) in a request target: between `?`
 * and `#`, pairs separated by `&`, names compared after decoding. Undefined when there is none, when it is empty, or
 * when there are several, since readers differ in which one they take.
 */
export declare function findQueryParameter(target: string, name: string): string | undefined;
/** %XX and + decoded, bytes as Latin-1 characters. A `%` that no two hexadecimal digits follow stands for itself. */
export declare function decodeQueryText(raw: string): string;
