/**
 * WebSockets with ws: `node examples/ws/app.js`. Two tabs of one browser are in one room, because the same worker serves both. A worker that
 * drains closes its sockets with 1012, so that the page connects again. PORT chooses another port.
 */
import http from 'node:http';
import limpet from 'limpet';
import { WebSocket, WebSocketServer } from 'ws';

const host = '127.0.0.1';
const server = http.createServer((_request, response) => {
  response.setHeader('Content-Type', 'text/html; charset=utf-8').end(page);
});
const room = new WebSocketServer({ server, path: '/room' });

room.on('connection', (socket) => {
  socket.on('message', (data) => tell(String(data)));
  socket.on('close', () => tell('one left'));
  tell('one came');
});

function tell(text) {
  const message = JSON.stringify({ text, here: room.clients.size, slot: limpet.worker.slot });
  for (const socket of room.clients) if (socket.readyState === WebSocket.OPEN) socket.send(message);
}

limpet.worker.on('drain', () => {
  for (const socket of room.clients) socket.close(1012, 'restart');
});

limpet.listen(server, { port: Number(process.env.PORT ?? 3000), host }, ({ port }) => {
  console.log(`one address, a worker on each core: http://${host}:${port}`);
});

const page = `<!doctype html>
<meta charset="utf-8"><title>limpet and ws</title>
<h1>Who is with you</h1>
<p id="said">…</p>
<script>
  const connect = () => {
    const socket = new WebSocket('ws://' + location.host + '/room');
    socket.onmessage = ({ data }) => { said.textContent = data; };
    socket.onclose = () => setTimeout(connect, 500);
  };
  connect();
</script>
`;
