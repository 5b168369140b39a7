/**
 * An app behind nginx, which sends each client to the port of its worker. In two terminals:
 *
 *     node examples/nginx/app.js
 *     nginx -g 'daemon off;' -c "$PWD/examples/nginx/nginx.conf"
 *
 * Then open http://127.0.0.1:8080 in several browsers. PORT and DIRECT_PORT choose other ports of the workers. This command prints
 * nginx.conf:
 *
 *     limpet edge nginx --node 127.0.0.1 -w 4 --direct-port 4000 --affinity cookie --listen 127.0.0.1:8080
 */
import express from 'express';
import limpet from 'limpet';

const host = '127.0.0.1';
const app = express();
app.set('trust proxy', 'loopback');
let visits = 0;
app.get('/', (request, response) => {
  visits += 1;
  response.send(`${request.ip}: worker ${limpet.worker.slot} has answered ${visits} times\n`);
});

limpet.listen(
  app,
  { port: Number(process.env.PORT ?? 3000), host },
  { workers: 4, directPort: Number(process.env.DIRECT_PORT ?? 4000), healthPath: '/health' },
  ({ port }) =>
    console.log(`each worker has its own port in addition to the shared one: http://${host}:${port}`),
);
