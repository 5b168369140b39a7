import { createServer as createHttpServer } from 'node:http';
import express from 'express';
import { Server as SocketIoServer } from 'socket.io';
import { WebSocketServer } from 'ws';

/** Each response contains this id. By it, the load client knows whether its clients stay on their worker. */
const me = String(process.pid);

/** Answers with the id of this process. For a POST, it reads the body and adds its length. */
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
 * The server that every subject serves. It does not listen yet. BENCH_APP names the app. Default: `http`.
 * @returns {import('node:http').Server}
 */
export function createServer() {
  return apps[process.env.BENCH_APP ?? 'http']();
}

/** A server with the same responses and with Socket.IO. */
export function withSocketIo() {
  const server = createHttpServer(answer);
  return { server, io: new SocketIoServer(server) };
}
