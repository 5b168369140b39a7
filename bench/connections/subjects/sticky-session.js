import sticky from 'sticky-session';
import { createServer } from './app.js';

sticky.listen(createServer(), Number(process.env.PORT), { workers: Number(process.env.BENCH_WORKERS) });
