/**
 * An Express app on several workers: `npm start`. When you reload the page, the same worker counts your visits. PORT chooses another
 * port.
 */
import http from 'node:http';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import express from 'express';
import limpet from 'limpet';

const host = '127.0.0.1';
const workers = Math.max(4, availableParallelism());
const app = express();

/** The counts exist only in the memory of this worker. So a count grows only if its client comes back to this worker. */
const visits = new Map();

app.use(express.static(fileURLToPath(new URL('public', import.meta.url))));

app.get('/visit', (request, response) => {
  const client = request.socket.remoteAddress;
  const count = (visits.get(client) ?? 0) + 1;
  visits.set(client, count);
  response.set('cache-control', 'no-store');
  response.json({ client, slot: limpet.worker.slot, pid: process.pid, workers, visits: count });
});

/** Sends 32 clients here, each from its own loopback address, and returns which worker served each. */
app.get('/crowd', async (request, response) => {
  const port = request.socket.localPort;
  const crowd = Array.from({ length: 32 }, (_, index) => visitAs(`127.0.0.${index + 2}`, port));
  response.json((await Promise.allSettled(crowd)).flatMap(({ value }) => value ?? []));
});

/** Kills this worker. A new process takes its slot, and serves you again. */
app.post('/kill', (_request, response) => {
  response.once('close', () => process.kill(process.pid, 'SIGKILL'));
  response.sendStatus(202);
});

function visitAs(localAddress, port) {
  return new Promise((resolve, reject) => {
    const request = http.get({ host, port, localAddress, path: '/visit', agent: false });
    request.on('error', reject);
    request.on('response', async (answer) => resolve(JSON.parse(Buffer.concat(await answer.toArray()))));
  });
}

const server = http.createServer(app);
if (!limpet.listen(server, { port: Number(process.env.PORT ?? 3000), host }, { workers })) {
  server.once('listening', () => {
    console.log(`${workers} workers, one address: http://${host}:${server.address().port}`);
  });
}
