// As in the documentation of the package, with two differences. There is no adapter, because the workers do not broadcast. The method is
// random, because the default counts only Socket.IO sessions and sends all plain requests to one worker.
import cluster from 'node:cluster';
import { createServer } from 'node:http';
import sticky from '@socket.io/sticky';
import { withSocketIo } from './app.js';

if (cluster.isPrimary) {
  const server = createServer();
  sticky.setupPrimary(server, { loadBalancingMethod: 'random' });
  server.listen(Number(process.env.PORT));
  cluster.setupPrimary({ serialization: 'advanced' });
  for (let i = 0; i < Number(process.env.BENCH_WORKERS); i++) cluster.fork();
  cluster.on('exit', () => cluster.fork());
} else {
  sticky.setupWorker(withSocketIo().io);
}
