/** The app of `limpet demo`. It counts the visits of each client in its memory, and does not use limpet. */
import { createServer } from 'node:http';

const visits = new Map<string, number>();

const server = createServer((request, response) => {
  const client = String(request.headers['x-client']);
  const count = (visits.get(client) ?? 0) + 1;
  visits.set(client, count);
  response.end(JSON.stringify({ slot: Number(process.env.LIMPET_SLOT), pid: process.pid, visits: count }));
});
server.listen(0, '127.0.0.1');
