/**
 * `limpet start` loads this file into its workers before the app (`node --import`), so that limpet serves the app's own listen().
 * Children and threads of the app may inherit the flag. In those the file does nothing.
 */
import { isMainThread } from 'node:worker_threads';

const settings = process.env.LIMPET_APP;
if (isMainThread && settings !== undefined) {
  delete process.env.LIMPET_APP;
  // Processes that the app forks with its own flags are not workers of limpet.
  const flag = process.execArgv.indexOf(import.meta.url);
  if (flag > 0) process.execArgv.splice(flag - 1, 2);
  const { AppAddress } = await import('./cluster/worker/app/app-address.js');
  const { serveNodeApps } = await import('./cluster/worker/app/node-app.js');
  const { serveUwsApps } = await import('./cluster/worker/app/uws-app.js');
  const address = new AppAddress(JSON.parse(settings));
  serveNodeApps(address);
  serveUwsApps(address);
}
