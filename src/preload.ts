/**
 * What `limpet start` loads into its workers ahead of the app (`node --import`): the app's own listen() becomes limpet's. In any
 * other process that inherits the flag, a child or a thread of the app, it does nothing.
 */
import { isMainThread } from 'node:worker_threads';

const pass = process.env.LIMPET_APP;
if (isMainThread && pass !== undefined) {
  delete process.env.LIMPET_APP;
  // What the app forks with its own flags is not a worker of ours.
  const flag = process.execArgv.indexOf(import.meta.url);
  if (flag > 0) process.execArgv.splice(flag - 1, 2);
  const { AppAddress } = await import('./cluster/worker/app/app-address.js');
  const { serveNodeApps } = await import('./cluster/worker/app/node-app.js');
  const { serveUwsApps } = await import('./cluster/worker/app/uws-app.js');
  const address = new AppAddress(JSON.parse(pass));
  serveNodeApps(address);
  serveUwsApps(address);
}
