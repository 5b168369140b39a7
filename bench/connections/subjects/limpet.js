import { createServer } from './app.js';

const { listen } = await import(process.env.BENCH_LIMPET);
listen(createServer(), Number(process.env.PORT), {
  workers: Number(process.env.BENCH_WORKERS),
  ...JSON.parse(process.env.BENCH_OPTIONS ?? '{}'),
});
