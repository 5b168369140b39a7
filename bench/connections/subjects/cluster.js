// Node's own cluster: round robin, or NODE_CLUSTER_SCHED_POLICY=none, where every worker accepts from one shared socket.
import cluster from 'node:cluster';
import { createServer } from './app.js';

if (cluster.isPrimary) {
  for (let i = 0; i < Number(process.env.BENCH_WORKERS); i++) cluster.fork();
  cluster.on('exit', () => cluster.fork());
} else {
  createServer().listen(Number(process.env.PORT));
}
