// The same responses from uWebSockets.js, behind limpet. With BENCH_ALONE, uWebSockets.js listens by itself in every worker. It sets
// SO_REUSEPORT, so the kernel distributes connections over the workers by address and port.

import uWS from 'uWebSockets.js';
import cluster from 'node:cluster';

const me = String(process.pid);
const port = Number(process.env.PORT);
const workers = Number(process.env.BENCH_WORKERS);

const app = uWS
  .App()
  .get('/*', (response) => response.end(me))
  .post('/*', (response) => {
    let bytes = 0;
    response.onAborted(() => {});
    response.onData((chunk, isLast) => {
      bytes += chunk.byteLength;
      if (isLast) response.cork(() => response.end(`${me} ${bytes}`));
    });
  })
  .ws('/*', {
    message: (socket, message) => {
      socket.send(`${me} ${Buffer.from(message)}`);
    },
  });

if (!process.env.BENCH_ALONE) {
  const { listen } = await import(process.env.BENCH_LIMPET);
  listen(app, port, { workers, ...JSON.parse(process.env.BENCH_OPTIONS) });
} else if (cluster.isPrimary) {
  for (let i = 0; i < workers; i++) cluster.fork();
} else {
  app.listen(port, () => {});
}
