import type { CompiledAffinity } from '../../affinity/chain.js';
import { HOUR_MS } from '../../affinity/cookie.js';
import { headBinding } from '../../binding/head-binding.js';
import type { Decision, Refusal } from '../../binding/typescript/affinity-chain.js';
import { addressText, parseAddress } from '../../binding/typescript/ip-address.js';
import { LimpetError } from '../../errors.js';
import { addressError } from '../../ring/checks.js';
import type { SlotRing } from '../../ring/slot-ring.js';

/** What a client begins its connection with, and from where. */
export interface ClientHead {
  /** The request head as it is sent, a PROXY header in front of it where there is one. A text is its Latin-1 bytes. */
  head: string | Uint8Array;
  /** The peer's address: by default `127.0.0.1`, a proxy on this machine. */
  address?: string;
}

/** Where a client goes, and why. */
export interface ClientExplanation {
  /** The rule that told the client from others, as in `header x-user`. */
  readonly rule: string;
  /** The client key: 8 bytes of an address in hexadecimal, the text of a header, query or cookie, or `slot N` that the client carries. */
  readonly key: string;
  /** The address or text that the key was made of. */
  readonly client: string;
  /** Its hash, 0 to 2^32 - 1; -1 where the client carries its slot. */
  readonly hash: number;
  /** The bucket that the top bits of the hash choose; -1 where the client carries its slot. */
  readonly bucket: number;
  /** The slot that serves it while all are up. */
  readonly home: number;
  /** The slot that serves it now; -1 when none does. */
  readonly owner: number;
  /**
   * `home`: its home is up. `fallback`: it is down, and the owner serves for it. `carried`: the client brought its slot, sealed, and it is
   * up. `none`: no slot is up. Anything else is why the connection would be closed.
   */
  readonly reason: 'home' | 'fallback' | 'carried' | 'none' | Refusal;
}

/** As the handoffs decide it, by the same reader. Throws ERR_LIMPET_ADDRESS. */
export function explainClient(
  { chain, labels }: Pick<CompiledAffinity, 'chain' | 'labels'>,
  ring: SlotRing,
  { head, address = '127.0.0.1' }: ClientHead,
): ClientExplanation {
  const peer = typeof address === 'string' ? parseAddress(address.split('%')[0] as string) : undefined;
  if (!peer) throw addressError(address);
  const bytes = typeof head === 'string' ? Buffer.from(head, 'latin1') : head;
  if (!(bytes instanceof Uint8Array)) throw headError(head);
  const binding = headBinding();
  const reading = binding.begin(binding.compile(chain), { address: peer, port: 0 });
  const hour = Math.floor(Date.now() / HOUR_MS);
  // As the handoffs look at it: first as what may go on, where a head can be too large, or nothing yet; then as all there is.
  let ended = false;
  const decide = () => reading.decide(bytes, ended, hour);
  const ruleOf = ({ rule }: { rule: number }) => labels[rule] ?? 'address';

  let decision = decide();
  if (decision.outcome === 'need-more' && bytes.length > 0) {
    ended = true;
    decision = decide();
  }
  let carried: { slot: number; rule: string } | undefined;
  while (decision.outcome === 'slot') {
    carried ??= { slot: decision.slot, rule: ruleOf(decision) };
    decision = decide();
  }
  if (decision.outcome === 'need-more' || decision.outcome === 'refused') return refused(decision);
  const { key, client, hash } = keyed(decision, ring);
  const isUp = carried !== undefined && carried.slot < ring.size && !ring.isDown(carried.slot);
  if (carried && isUp) {
    const { slot, rule } = carried;
    const text = `slot ${slot}`;
    return {
      rule,
      key: text,
      client: text,
      hash: -1,
      bucket: -1,
      home: slot,
      owner: slot,
      reason: 'carried',
    };
  }
  const home = carried?.slot ?? ring.homeOfHash(hash);
  const owner = ring.slotOfHash(hash);
  const reason = owner < 0 ? 'none' : owner === home ? 'home' : 'fallback';
  return {
    rule: carried?.rule ?? ruleOf(decision),
    key,
    client,
    hash,
    bucket: ring.bucketOfHash(hash),
    home,
    owner,
    reason,
  };
}

function keyed(
  decision: Extract<Decision, { outcome: 'address' | 'text' }>,
  ring: SlotRing,
): { key: string; client: string; hash: number } {
  if (decision.outcome === 'text') {
    const client = Buffer.from(decision.text).toString('latin1');
    return { key: client, client, hash: ring.hashOfKey(decision.text) };
  }
  const client = addressText(decision.address);
  const { key, hash } = ring.explain(client);
  return { key, client, hash };
}

function refused(decision: Decision): ClientExplanation {
  const reason = decision.outcome === 'refused' ? decision.refusal : 'silent';
  return { rule: 'none', key: '', client: '', hash: -1, bucket: -1, home: -1, owner: -1, reason };
}

function headError(head: unknown): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_OPTION',
    `explain() got ${head === null ? 'null' : typeof head} as a head, expected an address, or { head, address } with the head as text or bytes.`,
    { option: 'head' },
  );
}
