/** A page that shows the router as it runs ([what is on it, and who may see it](../operations.md#the-live-page)). */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Router } from '../cluster/primary/router.js';
import { LimpetError } from '../errors.js';
import { mask } from './address-lookup.js';
import { type Served, serve } from './endpoint.js';
import { Gate } from './page-access.js';
import { type Asset, assets } from './page-files.js';
import { Watchers } from './status-stream.js';

export type { Served } from './endpoint.js';

/** Where the live page is served: on this machine's loopback address, always. */
export interface UiOptions {
  /** 0, the default, lets the system choose. */
  port?: number;
  /** Called with the next link each time that the one before was used. */
  used?: (link: string) => void;
}

/** The live page of a router. */
export interface Ui extends Served {
  /** A link that opens the page, in one browser, once; each call makes the one before useless. */
  link(): string;
}

const headers = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/**
 * Serves a page that shows the router as it runs: the ring, the slots, the rates, where an address goes. It changes nothing, and
 * answers nobody but this machine's browsers that came by a link. Rejects with ERR_LIMPET_ADDRESS_*.
 */
export async function serveUi(router: Router, { port = 0, used }: UiOptions = {}): Promise<Ui> {
  const watchers = new Watchers(router);
  const gate = new Gate(() => used?.(link()));
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const refused = gate.refuses(request, response);
    if (refused) fail(response, refused.status, refused.reason);
    else answer(router, watchers, request, response);
  });
  const { address, close } = await serve(router, server, { key: `ui:${port}`, port, host: '127.0.0.1' });
  gate.open(address.port);
  function link(): string {
    return `http://127.0.0.1:${address.port}/?token=${gate.token()}`;
  }
  return { address, close, link };
}

function answer(
  router: Router,
  watchers: Watchers,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const [path = '/', query] = (request.url ?? '/').split('?');
  const file = assets.get(path);
  if (file) send(response, file);
  else if (path === '/events') watchers.add(response);
  else if (path === '/explain') explain(router, new URLSearchParams(query), response);
  else fail(response, 404, 'There is nothing here.');
}

function send(response: ServerResponse, { type, body }: Asset): void {
  response.writeHead(200, { 'content-type': type, 'content-length': body.length }).end(body);
}

/** Where an address goes. It comes back masked unless `shown` is asked for: the page may be on a screen that others see. */
function explain(router: Router, query: URLSearchParams, response: ServerResponse): void {
  const asked = (query.get('address') ?? '').trim();
  try {
    const explanation = router.explain(asked);
    const address = query.get('shown') === '1' ? asked : mask(asked);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ ...explanation, address }));
  } catch (error) {
    if (error instanceof LimpetError) fail(response, 400, error.message);
    else fail(response, 500, 'The address could not be looked up.');
  }
}

function fail(response: ServerResponse, status: number, reason: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${reason}\n`);
}
