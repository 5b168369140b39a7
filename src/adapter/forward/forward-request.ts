import {
  Agent,
  request as ask,
  type ClientRequest,
  type IncomingMessage,
  type InformationEvent,
  type ServerResponse,
} from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { proxyHeader } from './proxy-header.js';

/** RFC 9110 §7.6.1: what concerns one connection, not the next. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'te',
]);
/** Methods that a server may be asked twice. */
const repeatable: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

const answerHeadBytesMax = 1 << 30;
/** Methods whose requests Node sends without a body unless told. */
const bodiless: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'DELETE']);

/** Connections to the owners of one client connection's requests: they end with it. */
class ClientAgent extends Agent {
  readonly #header: Buffer;

  constructor(client: Socket) {
    super({ keepAlive: true });
    this.#header = proxyHeader(client.remoteAddress, client.remotePort);
    client.once('close', () => this.destroy());
  }

  override createConnection(options: { socketPath?: string | undefined }): Duplex {
    const socket = connect(options.socketPath as string);
    socket.write(this.#header);
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
 * Passes one request on to the worker that listens at `path`, and its response back: body, trailers, 100 Continue, aborts
 * and back-pressure of both sides. `serveHere` is called instead where the owner cannot be reached and nothing has been passed,
 * or the request may be asked twice; else a dead owner is a 502, or a cut response. `asksFirst`: the client awaits 100
 * Continue, and the owner is to decide.
 */
export function forwardRequest(
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  asksFirst: boolean,
  serveHere: () => void,
): void {
  const hasBody =
    'transfer-encoding' in request.headers || Number(request.headers['content-length'] ?? 0) > 0;
  const passed = ask({
    socketPath: path,
    agent: agentOf(request.socket),
    method: request.method,
    path: request.url,
    headers: requestHeaders(request, hasBody),
    setHost: false,
    // An app may answer with more than Node's clients take: of its own worker all of it is taken.
    maxHeaderSize: answerHeadBytesMax,
  } as object);
  let connected = false;
  const again = () => !connected || (!hasBody && repeatable.has(request.method as string));
  passed.on('error', () => {
    if (response.headersSent || response.destroyed) response.destroy();
    else if (again()) serveHere();
    else refuse(request, response);
  });
  passed.once('socket', (socket) => {
    const begin = (): void => {
      connected = true;
      sendBody(request, passed, hasBody);
    };
    if (socket.connecting) socket.once('connect', begin);
    else begin();
  });
  // Where the app leaves it to Node, Node has said it to the client already.
  if (asksFirst) passed.on('continue', () => response.writeContinue());
  // A client of HTTP/1.0 would take it for the answer (RFC 9110 section 15.2).
  if (request.httpVersionMinor > 0) passed.on('information', (said) => forwardEarlyHints(said, response));
  // After a whole answer its connection may serve the next request already.
  let answered = false;
  passed.on('response', (answer) => {
    answer.once('end', () => {
      answered = true;
    });
    forwardResponse(answer, response);
  });
  response.once('close', () => {
    if (!answered) passed.destroy();
  });
}

/**
 * Passes an upgrade on, and the stream that follows. Where the owner cannot be reached, `serveHere` is called instead.
 */
export function forwardUpgrade(
  path: string,
  request: IncomingMessage,
  client: Duplex,
  head: Buffer,
  serveHere: () => void,
): void {
  const owner = connect({ path, allowHalfOpen: true });
  const leave = () => owner.destroy();
  const fallBack = () => {
    client.off('error', leave).off('close', leave);
    serveHere();
  };
  // Node listens no more: a client that resets now would be an uncaught error.
  client.on('error', leave).on('close', leave);
  owner.once('error', fallBack);
  owner.once('connect', () => {
    owner.off('error', fallBack);
    const lines = [`${request.method} ${request.url} HTTP/1.1`];
    for (let i = 0; i < request.rawHeaders.length; i += 2) {
      lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
    }
    owner.write(proxyHeader(request.socket.remoteAddress, request.socket.remotePort));
    owner.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
    owner.write(head);
    owner.on('error', () => client.destroy()).on('close', () => client.destroy());
    client.pipe(owner).pipe(client);
  });
}

function sendBody(request: IncomingMessage, passed: ClientRequest, hasBody: boolean): void {
  if (!hasBody) {
    passed.end();
    return;
  }
  request.on('error', () => passed.destroy());
  request.on('end', () => {
    passed.addTrailers(pairs(request.rawTrailers));
    passed.end();
  });
  request.pipe(passed, { end: false });
}

function forwardResponse(answer: IncomingMessage, response: ServerResponse): void {
  response.sendDate = false;
  // The owner was asked in HTTP/1.1; a client of HTTP/1.0 can have no trailers, and Node throws where they are announced to it.
  const dropped = response.useChunkedEncodingByDefault ? undefined : 'trailer';
  response.writeHead(answer.statusCode as number, answer.statusMessage, headersOf(answer, dropped));
  // What comes with the head goes with it, in one packet; end() uncorks, too.
  response.cork();
  setImmediate(() => {
    if (!response.writableEnded) response.uncork();
  });
  response.flushHeaders();
  answer.on('error', () => response.destroy());
  answer.on('close', () => {
    if (!answer.complete) response.destroy();
  });
  answer.on('end', () => {
    if (answer.rawTrailers.length > 0) response.addTrailers(pairs(answer.rawTrailers));
    response.end();
  });
  // By hand: pipe() would make and remove eight listeners for an answer that is most often one chunk.
  answer.on('data', (chunk: Buffer) => {
    if (response.write(chunk)) return;
    answer.pause();
    response.once('drain', () => answer.resume());
  });
}

/** Early Hints (RFC 8297), which come before the answer. Node takes each link by itself, and has joined them in reading. */
function forwardEarlyHints({ statusCode, headers }: InformationEvent, response: ServerResponse): void {
  const { link, ...others } = headers as Record<string, string>;
  if (statusCode !== 103 || link === undefined || response.headersSent) return;
  try {
    response.writeEarlyHints({ ...others, link: link.split(/,\s*(?=<)/) });
  } catch {
    // An app may write links that Node does not take from us: a hint may be missed, the answer not.
  }
}

/** What HTTP/1.1 asks for and this request lacks is added, in the way that tells the app the least. */
function requestHeaders(request: IncomingMessage, hasBody: boolean): string[] {
  const kept = headersOf(request);
  const { headers, method } = request;
  // HTTP/1.0 comes without, and the owner would answer 400.
  if (headers.host === undefined) kept.push('Host', '');
  if (hasBody && 'transfer-encoding' in headers) kept.push('Transfer-Encoding', 'chunked');
  // Else Node would announce a body in chunks, which apps refuse that want its type.
  else if (!hasBody && headers['content-length'] === undefined && !bodiless.has(method as string))
    kept.push('Content-Length', '0');
  return kept;
}

/**
 * All but what is hop by hop, and what is `dropped`, as it was written. What Connection names beside is not taken off: a client
 * could name what its body is framed by, or what a proxy in front says of it, and the app sees such fields where it is served at once.
 */
function headersOf({ rawHeaders }: IncomingMessage, dropped?: string): string[] {
  const kept: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    if (!hopByHop.has(name) && name !== dropped)
      kept.push(rawHeaders[i] as string, rawHeaders[i + 1] as string);
  }
  return kept;
}

function pairs(raw: readonly string[]): [string, string][] {
  return Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i] as string, raw[2 * i + 1] as string]);
}

function refuse(request: IncomingMessage, response: ServerResponse): void {
  request.unpipe();
  request.resume();
  response.writeHead(502, { 'Content-Length': 0, Connection: 'close' }).end();
}
