/** Calls that send the head of the response, after which no header can be added. */
const senders = ['write', 'end', 'tryEnd', 'endWithoutBody', 'beginWrite', 'upgrade'];
/**
 * The session of a request to a uWebSockets.js handler, `upgrade` included. It must be called before the handler's
 * first await, since the request is readable only until then. The response carries the session's cookie by itself
 * when one is due, and may be used safely after the client has gone: what would throw then does nothing.
 */
export async function loadUws(manager, response, request, { secure, proxy }) {
    const cookies = request.getHeader('cookie');
    const [forwarded = ''] = proxy ? request.getHeader('x-forwarded-proto').split(',') : [];
    let session;
    guard(response, () => session?.setCookie());
    session = await manager.load(cookies, { secure: secure || forwarded.trim().toLowerCase() === 'https' });
    return session;
}
/** Makes `response` put in the cookie just before its head is sent, and ignore writes after the client has gone. */
function guard(response, setCookie) {
    const handlers = [];
    response.aborted = false;
    response.onAborted(() => {
        response.aborted = true;
        for (const handler of handlers)
            handler();
    });
    response.onAborted = (handler) => {
        handlers.push(handler);
        return response;
    };
    const native = response;
    let headSent = false;
    const sendCookie = (call) => {
        if (headSent)
            return;
        headSent = true;
        const cookie = setCookie();
        if (cookie === undefined)
            return;
        // Without a status the first header would begin a 200.
        if (call === 'upgrade')
            response.writeStatus('101 Switching Protocols');
        response.writeHeader('Set-Cookie', cookie);
    };
    for (const call of [...senders, 'writeStatus', 'writeHeader', 'cork']) {
        const original = native[call];
        if (!original)
            continue;
        const sends = senders.includes(call);
        native[call] = (...values) => {
            if (response.aborted)
                return call === 'tryEnd' ? [true, true] : response;
            if (sends)
                sendCookie(call);
            return original.apply(response, values);
        };
    }
}
