import { LimpetError } from '../../errors.js';
import { checkRouterOptions, type RouterOptions } from '../../options.js';
import { deriveKey } from '../../ring/secret.js';
import { SlotRing } from '../../ring/slot-ring.js';
import { type ClientExplanation, type ClientHead, explainClient } from './explain.js';
import { RouterAffinity } from './listeners/router-affinity.js';
import { type RingStatus, ringStatusOf } from './status.js';

/** The ring that a router of these options would have, all slots up: who owns which bucket is no secret. Throws ERR_LIMPET_OPTION. */
export function ringOffline(options: RouterOptions): RingStatus {
  const { workers: slots, buckets } = checkRouterOptions(options);
  return ringStatusOf(new SlotRing({ slots, buckets, key: new Uint8Array(8) }));
}

/**
 * Where a router of these options would send a client while all its slots are up. Throws ERR_LIMPET_OPTION without a secret, and
 * ERR_LIMPET_ADDRESS.
 */
export function explainOffline(options: RouterOptions, client: string | ClientHead): ClientExplanation {
  const checked = checkRouterOptions(options);
  const { secret, workers: slots, buckets, ipv6Prefix } = checked;
  if (secret === undefined) {
    throw new LimpetError(
      'ERR_LIMPET_OPTION',
      "where a client goes depends on the router's secret, and there is none here. Give LIMPET_SECRET or --secret.",
      { option: 'secret' },
    );
  }
  const ring = new SlotRing({ slots, buckets, key: deriveKey(secret, 'ring', 8), ipv6Prefix });
  if (typeof client === 'string') return { rule: 'address', client, ...ring.explain(client) };
  return explainClient(new RouterAffinity(checked, secret).of({ kind: 'node', tls: false }), ring, client);
}
