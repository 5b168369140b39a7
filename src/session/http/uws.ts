import type { SessionManager } from './manager.js';
import type { Session } from './session.js';

/** The part of uWebSockets.js's HttpRequest that limpet uses. A request is valid until the handler's first await. */
export interface UwsRequest {
  /** Returns an empty text if there is no such header. */
  getHeader(name: string): string;
}

/** The part of uWebSockets.js's HttpResponse that limpet uses. */
export interface UwsResponse {
  /** The application may call it as well: all handlers are called. */
  onAborted(handler: () => void): unknown;
  /** limpet calls it for an upgrade that sets the cookie. */
  writeStatus(status: never): unknown;
  /** limpet calls it for Set-Cookie. */
  writeHeader(name: never, value: never): unknown;
  /** Whether the client has gone. load() sets it. When it is true, calls that write to the response do nothing. */
  aborted?: boolean;
}

/** Calls that send the head of the response. No header can be added afterwards. */
const senders = ['write', 'end', 'tryEnd', 'endWithoutBody', 'beginWrite', 'upgrade'] as const;

type Native = Record<string, ((...values: unknown[]) => unknown) | undefined>;

/**
 * Resolves with the session of a request to a uWebSockets.js handler, or to `upgrade`. Call it before the handler's first await,
 * because the request is readable only until then.
 *
 * limpet sets the session's cookie on the response. When the client has gone, calls of the response do nothing; without limpet, they
 * would throw.
 */
export async function loadUws(
  manager: SessionManager,
  response: UwsResponse,
  request: UwsRequest,
  { secure, proxy }: { secure: boolean; proxy: boolean },
): Promise<Session> {
  const cookies = request.getHeader('cookie');
  const [forwarded = ''] = proxy ? request.getHeader('x-forwarded-proto').split(',') : [];
  let session: Session | undefined;
  guard(response, () => session?.setCookie());
  session = await manager.load(cookies, { secure: secure || forwarded.trim().toLowerCase() === 'https' });
  return session;
}

/** Replaces methods of `response`: the cookie is added before the head is sent, and writes after the client has gone do nothing. */
function guard(response: UwsResponse, setCookie: () => string | undefined): void {
  const handlers: (() => void)[] = [];
  response.aborted = false;
  response.onAborted(() => {
    response.aborted = true;
    for (const handler of handlers) handler();
  });
  response.onAborted = (handler) => {
    handlers.push(handler);
    return response;
  };
  const native = response as unknown as Native;
  let headSent = false;
  const sendCookie = (call: string): void => {
    if (headSent) return;
    headSent = true;
    const cookie = setCookie();
    if (cookie === undefined) return;
    // Otherwise uWebSockets.js writes the status 200 before the first header.
    if (call === 'upgrade') response.writeStatus('101 Switching Protocols' as never);
    response.writeHeader('Set-Cookie' as never, cookie as never);
  };
  for (const call of [...senders, 'writeStatus', 'writeHeader', 'cork']) {
    const original = native[call];
    if (!original) continue;
    const sends = (senders as readonly string[]).includes(call);
    native[call] = (...values: unknown[]) => {
      if (response.aborted) return call === 'tryEnd' ? [true, true] : response;
      if (sends) sendCookie(call);
      return original.apply(response, values);
    };
  }
}
