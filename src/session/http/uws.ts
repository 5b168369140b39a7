import type { SessionManager } from './manager.js';
import type { Session } from './session.js';

/** The part of uWebSockets.js's HttpRequest that is read, before the first await. */
export interface UwsRequest {
  /** Empty where there is none. */
  getHeader(name: string): string;
}

/** The part of uWebSockets.js's HttpResponse that is used; the object itself is the application's. */
export interface UwsResponse {
  /** May be called again by the application: all handlers are called. */
  onAborted(handler: () => void): unknown;
  /** Called where an upgrade sets the cookie. */
  writeStatus(status: never): unknown;
  /** Called for Set-Cookie, when one is due. */
  writeHeader(name: never, value: never): unknown;
  /** Set by load(): the client has gone. From then on what would write to the response does nothing. */
  aborted?: boolean;
}

/** Calls that send the head of the response, after which no header can be added. */
const senders = ['write', 'end', 'tryEnd', 'endWithoutBody', 'beginWrite', 'upgrade'] as const;

type Native = Record<string, ((...values: unknown[]) => unknown) | undefined>;

/**
 * The session of a request to a uWebSockets.js handler, `upgrade` included. It must be called before the handler's
 * first await, since the request is readable only until then. The response carries the session's cookie by itself
 * when one is due, and may be used safely after the client has gone: what would throw then does nothing.
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

/** Makes `response` put in the cookie just before its head is sent, and ignore writes after the client has gone. */
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
    // Without a status the first header would begin a 200.
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
