// As the package's own page has it, without the adapter, since the workers do not broadcast here, and with the random method:
// the default counts Socket.IO sessions alone, and sends all plain requests to one worker.
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
