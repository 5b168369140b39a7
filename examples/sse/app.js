/**
 * Server-sent events: `node examples/sse/app.js`. A client's POST reaches its open streams, because both come to the same worker. A worker
 * that drains ends its streams. Browsers reconnect without further code. PORT chooses another port.
 */
import http from 'node:http';
import limpet from 'limpet';

const host = '127.0.0.1';
/** The open streams of this worker, by client. */
const streams = new Map();

const server = http.createServer((request, response) => {
  const client = request.socket.remoteAddress;
  if (request.url === '/events') return stream(client, response);
  if (request.method !== 'POST') return response.setHeader('Content-Type', 'text/html').end(page);
  for (const open of streams.get(client) ?? []) send(open, { posted: request.url });
  response.writeHead(204).end();
});

function stream(client, response) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  const mine = streams.get(client) ?? new Set();
  streams.set(client, mine.add(response));
  response.on('close', () => {
    mine.delete(response);
    if (mine.size === 0) streams.delete(client);
  });
  send(response, { slot: limpet.worker.slot, pid: process.pid });
}

function send(response, message) {
  response.write(`data: ${JSON.stringify(message)}\n\n`);
}

limpet.worker.on('drain', () => {
  for (const open of [...streams.values()].flatMap((mine) => [...mine])) open.end();
});

limpet.listen(server, { port: Number(process.env.PORT ?? 3000), host }, ({ port }) => {
  console.log(`one address, a worker on each core: http://${host}:${port}`);
});

const page = `<!doctype html>
<meta charset="utf-8"><title>limpet and server-sent events</title>
<button onclick="fetch('/hello', { method: 'POST' })">Post</button>
<pre id="said"></pre>
<script>
  new EventSource('/events').onmessage = ({ data }) => { said.textContent += data + '\\n'; };
</script>
`;
