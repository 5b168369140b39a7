import { createServer } from 'node:http';
import { NodeAdapter, nodeServerOf } from './node.js';
import { nodeFace } from './node-face.js';
import { isUwsApp, uwsServed } from './uws.js';
/** Finds out what the app gave to listen(). Throws ERR_LIMPET_ADAPTER. */
export function recognize(given) {
    if (isUwsApp(given))
        return uwsServed(given);
    const server = nodeServerOf(given, (handler) => createServer(handler));
    return {
        kind: 'node',
        tls: 'setSecureContext' in server,
        adapter: (closedByApp) => new NodeAdapter(server, closedByApp),
        face: (close) => nodeFace(server, close),
    };
}
