/** One HTTP/1 request from the worker that received it to the worker that its client belongs to: the peer. */
import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  type InformationEvent,
  request as requestOf,
  type ServerResponse,
} from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { makeProxyHeader } from '../proxied-client.js';
import { endToEndHeaders, hasBody, headerPairs, requestHeaders } from './forwarded-headers.js';

/** Methods that have the same effect once and twice (RFC 9110 section 9.2.2). */
const idempotentMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** Node's client accepts 16 KiB of response head by default. An app may send more, so a peer may send 1 GiB. */
const responseHeadBytesMax = 1 << 30;

/** Connections to peers for the requests of one client connection. They close with it. */
class ClientAgent extends Agent {
  readonly #proxyHeader: Buffer;

  constructor(client: Socket) {
    super({ keepAlive: true });
    this.#proxyHeader = makeProxyHeader(client.remoteAddress, client.remotePort);
    client.once('close', () => this.destroy());
  }

  override createConnection(options: { socketPath?: string | undefined }): Duplex {
    const socket = connect(options.socketPath as string);
    socket.write(this.#proxyHeader);
    return socket;
  }
}

const agents: WeakMap<Socket, ClientAgent> = new WeakMap();

function agentOf(client: Socket): ClientAgent {
  const agent = agents.get(client) ?? new ClientAgent(client);
  agents.set(client, agent);
  return agent;
}

/**
 * Forwards one request to the peer that listens at `path`, and its response to the client: bodies, trailers, 100 Continue, Early
 * Hints, aborts, and backpressure in both directions.
 *
 * `serveHere` is called instead if the peer cannot be reached, or if it dies before its response begins and the request is
 * idempotent and without a body. Otherwise a dead peer becomes a 502, or a cut response if the response has begun.
 * `awaitsContinue`: the client waits for 100 Continue, and the peer decides about it.
 */
export function forwardRequest(
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  awaitsContinue: boolean,
  serveHere: () => void,
): void {
  const withBody = hasBody(request);
  const forwarded = requestOf({
    socketPath: path,
    agent: agentOf(request.socket),
    method: request.method,
    path: request.url,
    headers: requestHeaders(request),
    setHost: false,
    maxHeaderSize: responseHeadBytesMax,
  } as object);
  let connected = false;
  const mayServeHere = () => !connected || (!withBody && idempotentMethods.has(request.method as string));
  forwarded.on('error', () => {
    if (response.headersSent || response.destroyed) response.destroy();
    else if (mayServeHere()) serveHere();
    else respondBadGateway(request, response);
  });
  forwarded.once('socket', (socket) => {
    const begin = (): void => {
      connected = true;
      sendBody(request, forwarded, withBody);
    };
    if (socket.connecting) socket.once('connect', begin);
    else begin();
  });
  // If the app has no 'checkContinue' listener, Node has already sent 100 Continue.
  if (awaitsContinue) forwarded.on('continue', () => response.writeContinue());
  // An HTTP/1.0 client would read an informational response as the final one (RFC 9110 section 15.2).
  if (request.httpVersionMinor > 0)
    forwarded.on('information', (information) => forwardEarlyHints(information, response));
  // After a complete response the connection to the peer may already carry the next request: it must not be destroyed.
  let complete = false;
  forwarded.on('response', (peerResponse) => {
    peerResponse.once('end', () => {
      complete = true;
    });
    forwardResponse(peerResponse, response);
  });
  response.once('close', () => {
    if (!complete) forwarded.destroy();
  });
}

function sendBody(request: IncomingMessage, forwarded: ClientRequest, withBody: boolean): void {
  if (!withBody) {
    forwarded.end();
    return;
  }
  request.on('error', () => forwarded.destroy());
  request.on('end', () => {
    forwarded.addTrailers(headerPairs(request.rawTrailers));
    forwarded.end();
  });
  request.pipe(forwarded, { end: false });
}

function forwardResponse(peerResponse: IncomingMessage, response: ServerResponse): void {
  response.sendDate = false;
  // The peer answers in HTTP/1.1. An HTTP/1.0 client cannot receive trailers, and Node throws if a response announces them to it.
  const dropped = response.useChunkedEncodingByDefault ? undefined : 'trailer';
  response.writeHead(
    peerResponse.statusCode as number,
    peerResponse.statusMessage,
    endToEndHeaders(peerResponse, dropped),
  );
  // Body chunks that arrive together with the head are sent in one packet with it. end() uncorks, too.
  response.cork();
  setImmediate(() => {
    if (!response.writableEnded) response.uncork();
  });
  response.flushHeaders();
  peerResponse.on('error', () => response.destroy());
  peerResponse.on('close', () => {
    if (!peerResponse.complete) response.destroy();
  });
  peerResponse.on('end', () => {
    if (peerResponse.rawTrailers.length > 0) response.addTrailers(headerPairs(peerResponse.rawTrailers));
    response.end();
  });
  // Not pipe(): it would add and remove eight listeners for a response that is mostly a single chunk.
  peerResponse.on('data', (chunk: Buffer) => {
    if (response.write(chunk)) return;
    peerResponse.pause();
    response.once('drain', () => peerResponse.resume());
  });
}

/**
 * Forwards Early Hints (RFC 8297), which precede the response. Node's parser has joined the links in one header, but
 * writeEarlyHints() takes them one by one.
 */
function forwardEarlyHints({ statusCode, headers }: InformationEvent, response: ServerResponse): void {
  const { link, ...others } = headers as Record<string, string>;
  if (statusCode !== 103 || link === undefined || response.headersSent) return;
  try {
    response.writeEarlyHints({ ...others, link: link.split(/,\s*(?=<)/) });
  } catch {
    // Node throws for links that it does not consider valid. A lost hint is harmless: the response follows.
  }
}

function respondBadGateway(request: IncomingMessage, response: ServerResponse): void {
  request.unpipe();
  request.resume();
  response.writeHead(502, { 'Content-Length': 0, Connection: 'close' }).end();
}
