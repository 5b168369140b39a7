/**
 * An app behind HAProxy, which sends the client's address in a PROXY header. limpet's ring chooses the worker. In two terminals:
 *
 *     node examples/haproxy/app.js
 *     haproxy -db -f examples/haproxy/haproxy.cfg
 *
 * Then send requests from several addresses: curl --interface 127.0.0.7 http://127.0.0.1:8080. PORT chooses another port of the
 * workers. This command prints haproxy.cfg:
 *
 *     limpet edge haproxy --node 127.0.0.1 -w 4 --via shared --port 3000 --health-path /health --listen 127.0.0.1:8080
 */
import http from 'node:http';
import limpet from 'limpet';

const host = '127.0.0.1';
let visits = 0;
const server = http.createServer((request, response) => {
  visits += 1;
  response.end(
    `${request.socket.remoteAddress}: worker ${limpet.worker.slot} has answered ${visits} times\n`,
  );
});

limpet.listen(
  server,
  { port: Number(process.env.PORT ?? 3000), host },
  { workers: 4, affinity: 'proxy-protocol', trust: 'loopback', healthPath: '/health' },
  ({ port }) => console.log(`for HAProxy, which sends PROXY headers: http://${host}:${port}`),
);
