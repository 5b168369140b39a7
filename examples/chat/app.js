/**
 * A Socket.IO chat with rooms that span all workers: `node examples/chat/app.js`. Open it in several browsers. Every session stays on its
 * worker, by polling or WebSocket. The cluster adapter sends the messages to the other workers. PORT chooses another port.
 */
import cluster from 'node:cluster';
import http from 'node:http';
import { createAdapter, setupPrimary } from '@socket.io/cluster-adapter';
import limpet from 'limpet';
import { setupWorker } from 'limpet/socket.io';
import { Server } from 'socket.io';

const host = '127.0.0.1';
const server = http.createServer((_request, response) => {
  response.setHeader('Content-Type', 'text/html; charset=utf-8').end(page);
});

if (cluster.isPrimary) {
  setupPrimary();
} else {
  const io = new Server(server, { adapter: createAdapter() });
  setupWorker(io);
  io.on('connection', (socket) => {
    socket.on('join', (room, joined) => {
      socket.join(String(room));
      joined?.({ slot: limpet.worker.slot, pid: process.pid });
    });
    socket.on('say', (room, text) => {
      io.to(String(room)).emit('said', { text: String(text), by: socket.id, slot: limpet.worker.slot });
    });
  });
}

limpet.listen(
  server,
  { port: Number(process.env.PORT ?? 3000), host },
  { affinity: 'socket.io', spread: 'least-connections' },
  ({ port }) => console.log(`one address, a worker on each core: http://${host}:${port}`),
);

const page = `<!doctype html>
<meta charset="utf-8"><title>limpet and Socket.IO</title>
<h1>One room, many workers</h1>
<form id="form"><input id="text" autofocus autocomplete="off"> <button>Say</button></form>
<ul id="said"></ul>
<script src="/socket.io/socket.io.js"></script>
<script>
  const socket = io();
  socket.on('connect', () => socket.emit('join', 'hall'));
  socket.on('said', ({ text, slot }) => {
    const line = document.createElement('li');
    line.textContent = text + ' (said in slot ' + slot + ')';
    said.append(line);
  });
  form.onsubmit = () => { socket.emit('say', 'hall', text.value); text.value = ''; return false; };
</script>
`;
