import stickyCluster from 'sticky-cluster';
import { createServer } from './app.js';

stickyCluster((serve) => serve(createServer()), {
  concurrency: Number(process.env.BENCH_WORKERS),
  port: Number(process.env.PORT),
});
