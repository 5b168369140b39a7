// Node's own cluster with round robin. With NODE_CLUSTER_SCHED_POLICY=none, all workers accept on one shared socket.
import cluster from 'node:cluster';
import { createServer } from './app.js';

if (cluster.isPrimary) {
  for (let i = 0; i < Number(process.env.BENCH_WORKERS); i++) cluster.fork();
  cluster.on('exit', () => cluster.fork());
} else {
  createServer().listen(Number(process.env.PORT));
}
