/** Headers of forwarded requests and responses. Names, values, order and spelling stay as they were received. */
import type { IncomingMessage } from 'node:http';

/** Headers that concern one connection only (RFC 9110 section 7.6.1). They are not forwarded. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'te',
]);

/** Methods whose requests Node's client sends without a body by default. */
const bodilessMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'DELETE']);

type Head = Pick<IncomingMessage, 'headers' | 'rawHeaders' | 'method'>;

/** Whether the request's head announces a body. */
export function hasBody({ headers }: Pick<Head, 'headers'>): boolean {
  return 'transfer-encoding' in headers || Number(headers['content-length'] ?? 0) > 0;
}

/**
 * Returns the headers with which the request is forwarded, as names and values in turn. HTTP/1.1 requires some that the request may
 * lack. These are added in the form that changes least for the app.
 */
export function requestHeaders(request: Head): string[] {
  const kept = endToEndHeaders(request);
  const { headers, method } = request;
  // HTTP/1.0 requests may come without Host. The peer would answer 400.
  if (headers.host === undefined) kept.push('Host', '');
  if (hasBody(request)) {
    if ('transfer-encoding' in headers) kept.push('Transfer-Encoding', 'chunked');
  } else if (headers['content-length'] === undefined && !bodilessMethods.has(method as string)) {
    // Without a length Node would announce a chunked body. Apps that check the body's type reject that.
    kept.push('Content-Length', '0');
  }
  return kept;
}

/**
 * Returns all headers except the hop-by-hop ones and `dropped` (a name in lower case), as names and values in turn. Headers that
 * `Connection` names are kept. Otherwise a client could remove `Content-Length`, or the `X-Forwarded-For` of a proxy in front,
 * which the app sees in requests that are not forwarded.
 */
export function endToEndHeaders({ rawHeaders }: Pick<Head, 'rawHeaders'>, dropped?: string): string[] {
  const kept: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    if (!hopByHop.has(name) && name !== dropped)
      kept.push(rawHeaders[i] as string, rawHeaders[i + 1] as string);
  }
  return kept;
}

/** Turns a list of names and values in turn into pairs of name and value. */
export function headerPairs(raw: readonly string[]): [name: string, value: string][] {
  return Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i] as string, raw[2 * i + 1] as string]);
}
