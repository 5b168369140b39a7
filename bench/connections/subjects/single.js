// One process with a plain listen(): on PORT, or on the inherited listening socket with the descriptor BENCH_LISTEN_FD.
import { createServer } from './app.js';

const { BENCH_LISTEN_FD, PORT } = process.env;
const server = createServer();
server.listen(BENCH_LISTEN_FD ? { fd: Number(BENCH_LISTEN_FD) } : Number(PORT), () =>
  process.send?.(server.address().port),
);
