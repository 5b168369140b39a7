import { createServer as createHttpServer } from 'node:http';
import express from 'express';
import { Server as SocketIoServer } from 'socket.io';
import { WebSocketServer } from 'ws';

/** The worker that answers, by which the load client knows whether its clients stayed. */
const me = String(process.pid);

/** Answers with this process's id; the body of a POST is read to its end and its length added. */
function answer(request, response) {
  if (request.method !== 'POST') {
    response.end(me);
    return;
  }
  let bytes = 0;
  request.on('data', (chunk) => {
    bytes += chunk.length;
  });
  request.on('end', () => response.end(`${me} ${bytes}`));
}

const apps = {
  http: () => createHttpServer(answer),
  express: () => createHttpServer(express().disable('x-powered-by').disable('etag').use(answer)),
  websocket: () => {
    const server = createHttpServer(answer);
    new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket) => {
      socket.on('message', (message) => socket.send(`${me} ${message}`));
    });
    return server;
  },
  'socket.io': () => withSocketIo().server,
};

/**
 * The server that every subject serves, not listening: `http` unless BENCH_APP names another.
 * @returns {import('node:http').Server}
 */
export function createServer() {
  return apps[process.env.BENCH_APP ?? 'http']();
}

/** The same answers from a server with Socket.IO on it. */
export function withSocketIo() {
  const server = createHttpServer(answer);
  return { server, io: new SocketIoServer(server) };
}
