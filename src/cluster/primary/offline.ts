import { LimpetError } from '../../errors.js';
import { checkRouterOptions, type RouterOptions } from '../../options.js';
import { deriveKey } from '../../ring/secret.js';
import { SlotRing } from '../../ring/slot-ring.js';
import { type ClientExplanation, type ClientHead, explainClient } from './explain.js';
import { RouterAffinity } from './listeners/router-affinity.js';
import type { RingStatus } from './status.js';
import { reportRing } from './status-report.js';

/** The ring of a router with these options, all slots up. No secret is needed, because no client is placed. Throws ERR_LIMPET_OPTION. */
export function ringOffline(options: RouterOptions): RingStatus {
  const { workers: slots, buckets } = checkRouterOptions(options);
  return reportRing(new SlotRing({ slots, buckets, key: new Uint8Array(8) }));
}

/**
 * The slot that serves a client in a router with these options, all slots up. Throws ERR_LIMPET_ADDRESS, or ERR_LIMPET_OPTION, also if
 * there is no secret.
 */
export function explainOffline(options: RouterOptions, client: string | ClientHead): ClientExplanation {
  const checked = checkRouterOptions(options);
  const { secret, workers: slots, buckets, ipv6Prefix } = checked;
  if (secret === undefined) {
    throw new LimpetError(
      'ERR_LIMPET_OPTION',
      "the slot of a client depends on the router's secret, and there is none here. Give LIMPET_SECRET or --secret.",
      { option: 'secret' },
    );
  }
  const ring = new SlotRing({ slots, buckets, key: deriveKey(secret, 'ring', 8), ipv6Prefix });
  if (typeof client === 'string') return { rule: 'address', client, ...ring.explain(client) };
  const affinity = new RouterAffinity(checked, secret).compile({ kind: 'node', tls: false });
  return explainClient(affinity, ring, client);
}
