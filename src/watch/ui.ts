/** A web page that shows the running router ([what it shows, and who may see it](../operations.md#the-live-page)). */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Router } from '../cluster/primary/router.js';
import { LimpetError } from '../errors.js';
import { lookUpAddress } from './address-lookup.js';
import { type Served, serveEndpoint } from './endpoint.js';
import { PageAccess } from './page-access.js';
import { StatusStream } from './status-stream.js';

export type { Served } from './endpoint.js';

/** The port of the live page, which always listens on 127.0.0.1. */
export interface UiOptions {
  /** Default 0: the system chooses. */
  port?: number;
  /** Called each time a browser has used the link. The argument is the next link. */
  used?: (link: string) => void;
}

/** The live page of a router. */
export interface Ui extends Served {
  /** Returns a link that opens the page once, in one browser. Each call revokes the link before. */
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

/** Path → the file in `page/`, and its content type. */
const files = {
  '/': ['page.html', 'text/html; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
  '/ring-picture.js': ['ring-picture.js', 'text/javascript; charset=utf-8'],
  '/rates.js': ['rates.js', 'text/javascript; charset=utf-8'],
  '/slot-table.js': ['slot-table.js', 'text/javascript; charset=utf-8'],
} as const;

interface PageFile {
  readonly type: string;
  readonly body: Buffer;
}

const pageFiles: ReadonlyMap<string, PageFile> = new Map(
  Object.entries(files).map(([path, [name, type]]) => [
    path,
    { type, body: readFileSync(new URL(`./page/${name}`, import.meta.url)) },
  ]),
);

/**
 * Serves a page that shows the running router: the ring, the slots, the rates, and the slot of a given address. The page changes
 * nothing. It answers only browsers on this machine that came by a link. Rejects with ERR_LIMPET_ADDRESS_*.
 */
export async function serveUi(router: Router, { port = 0, used }: UiOptions = {}): Promise<Ui> {
  const stream = new StatusStream(router);
  const access = new PageAccess(() => used?.(link()));
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const denial = access.denialOf(request, response);
    if (denial) fail(response, denial.status, denial.reason);
    else answer(router, stream, request, response);
  });
  const { address, close } = await serveEndpoint(router, server, {
    key: `ui:${port}`,
    port,
    host: '127.0.0.1',
  });
  access.open(address.port);
  function link(): string {
    return `http://127.0.0.1:${address.port}/?token=${access.newToken()}`;
  }
  return { address, close, link };
}

function answer(
  router: Router,
  stream: StatusStream,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const [path = '/', query] = (request.url ?? '/').split('?');
  const file = pageFiles.get(path);
  if (file) send(response, file);
  else if (path === '/events') stream.add(response);
  else if (path === '/explain') explain(router, new URLSearchParams(query), response);
  else fail(response, 404, 'The page does not exist. Open /.');
}

function send(response: ServerResponse, { type, body }: PageFile): void {
  response.writeHead(200, { 'content-type': type, 'content-length': body.length }).end(body);
}

function explain(router: Router, query: URLSearchParams, response: ServerResponse): void {
  const address = (query.get('address') ?? '').trim();
  try {
    const found = lookUpAddress(router, address, query.get('shown') === '1');
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(found));
  } catch (error) {
    if (error instanceof LimpetError) fail(response, 400, error.message);
    else fail(response, 500, 'The address could not be looked up because of an error in limpet.');
  }
}

function fail(response: ServerResponse, status: number, reason: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${reason}\n`);
}
