import expressSession from 'express-session';
export const BaseStore = expressSession.Store;
export const SessionCookie = expressSession.Cookie;
/** Requests that came through sessions() and whose response the application has not ended yet. */
const open = new WeakSet();
/** Whether the application itself is calling: it has not ended the response of the session's request. */
export function isOpen(session) {
    const { req } = session;
    return req !== undefined && open.has(req);
}
/** To be called when express-session has put its own `end` on the response: it saves from there. */
export function markOpen(request, response) {
    open.add(request);
    const end = response.end;
    response.end = function (...rest) {
        open.delete(request);
        return end.apply(this, rest);
    };
}
export function expressMiddleware(options) {
    return expressSession(options);
}
