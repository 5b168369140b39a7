/**
 * A uWebSockets.js app on several workers. Two tabs of one browser are in one room, because the same worker serves both.
 * First run `npm install uNetworking/uWebSockets.js#v20.57.0`, then `node app.js`. PORT chooses another port.
 */

import uWS from 'uWebSockets.js';
import limpet, { clientAddress } from 'limpet';

const host = '127.0.0.1';
const app = uWS.App();

/** The open WebSockets of this worker. They exist only in its memory. */
const room = new Set();

app.get('/', (response) => {
  response.writeHeader('content-type', 'text/html; charset=utf-8').end(page);
});

app.get('/who', (response) => {
  response.end(JSON.stringify({ ...whoami(), client: clientAddress(response), room: room.size }));
});

app.ws('/room', {
  open(socket) {
    room.add(socket);
    socket.subscribe('room');
    app.publish('room', JSON.stringify({ ...whoami(), room: room.size }));
  },
  message: (socket, message) => socket.publish('room', message),
  close(socket) {
    room.delete(socket);
    app.publish('room', JSON.stringify({ ...whoami(), room: room.size }));
  },
});

const inWorker = limpet.listen(app, { port: Number(process.env.PORT ?? 3000), host }, ({ port }) => {
  console.log(`one address, a worker on each core: http://${host}:${port}`);
});

if (inWorker) {
  // 1012 means service restart. The browser connects again, and reaches the new process in the same slot.
  limpet.worker.on('drain', () => {
    for (const socket of [...room]) socket.end(1012, 'restart');
  });
}

function whoami() {
  return { slot: limpet.worker.slot, pid: process.pid };
}

const page = `<!doctype html>
<meta charset="utf-8"><title>limpet and uWebSockets.js</title>
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
