/**
 * Behind nginx, which sends each client to its worker's own port. In two terminals:
 *
 *     node examples/nginx/app.js
 *     nginx -g 'daemon off;' -c "$PWD/examples/nginx/nginx.conf"
 *
 * and open http://127.0.0.1:8080, in several browsers. nginx.conf is what this prints:
 *
 *     limpet edge nginx --node 127.0.0.1 -w 4 --direct-port 4000 --affinity cookie --listen 127.0.0.1:8080
 */
import express from 'express';
import limpet from 'limpet';

const app = express();
app.set('trust proxy', 'loopback');
let visits = 0;
app.get('/', (request, response) => {
  visits += 1;
  response.send(`${request.ip}: worker ${limpet.worker.slot} has answered ${visits} times\n`);
});

limpet.listen(
  app,
  { port: 3000, host: '127.0.0.1' },
  { workers: 4, directPort: 4000, healthPath: '/health' },
);
