/**
 * Fastify on all cores: `node examples/fastify/app.js`. Each worker counts the hits of its clients in memory.
 * PORT chooses another port.
 */
import Fastify from 'fastify';
import limpet from 'limpet';

const host = '127.0.0.1';
const app = Fastify();
const hits = new Map();

app.get('/', ({ ip }) => {
  hits.set(ip, (hits.get(ip) ?? 0) + 1);
  return { slot: limpet.worker.slot, pid: process.pid, hits: hits.get(ip) };
});
// Plugins and hooks are loaded before the first connection comes.
await app.ready();

limpet.listen(app, { port: Number(process.env.PORT ?? 3000), host }, ({ port }) => {
  console.log(`one address, a worker on each core: http://${host}:${port}`);
});
