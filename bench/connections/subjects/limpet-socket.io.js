// Socket.IO with session ids that contain the slot of the worker.
import { withSocketIo } from './app.js';

const { listen, worker } = await import(process.env.BENCH_LIMPET);
const { server, io } = withSocketIo();
io.engine.generateId = () => worker.makeSid();
listen(server, Number(process.env.PORT), {
  workers: Number(process.env.BENCH_WORKERS),
  ...JSON.parse(process.env.BENCH_OPTIONS),
});
