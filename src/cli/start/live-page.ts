import type { Router } from '../../cluster/primary/router.js';
import type { Effective } from '../effective-settings.js';
import { hostAndPort } from '../settings.js';
import type { Log } from './log.js';

/** Serves metrics and the live page where they were asked for. Rejects with ERR_LIMPET_ADDRESS_*. */
export async function letWatch(
  router: Router,
  log: Log,
  effective: ReadonlyMap<string, Effective>,
): Promise<void> {
  const where = hostAndPort(effective.get('metrics')?.value);
  if (where) {
    const { serveMetrics } = await import('../../watch/metrics.js');
    const { address, port, family } = (await serveMetrics(router, where)).address;
    const url = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}/metrics`;
    log.say('info', `metrics at ${url}`, { metrics: url });
  }
  const port = effective.get('ui')?.value ?? false;
  if (port === false) return;
  const { serveUi } = await import('../../watch/ui.js');
  const ui = await serveUi(router, {
    port: port === true ? 0 : (port as number),
    used: (link) => log.say('info', `live page opened; for another browser: ${link}`, { ui: link }),
  });
  const link = ui.link();
  log.say('info', `live page, for one browser: ${link}`, { ui: link });
}
