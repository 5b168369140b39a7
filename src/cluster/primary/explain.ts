import type { CompiledAffinity } from '../../affinity/chain.js';
import { HOUR_MS } from '../../affinity/cookie.js';
import { headBinding } from '../../binding/head-binding.js';
import type { Decision, Refusal } from '../../binding/typescript/affinity-chain.js';
import { addressText, parseAddress } from '../../binding/typescript/ip-address.js';
import { LimpetError } from '../../errors.js';
import { addressError } from '../../ring/checks.js';
import type { SlotRing } from '../../ring/slot-ring.js';

/** The first bytes of a client's connection, and the address that it comes from. */
export interface ClientHead {
  /** The request head as it is sent, after a PROXY header if there is one. A text stands for its Latin-1 bytes. */
  head: string | Uint8Array;
  /** The address of the connection's peer. Default: `127.0.0.1`, a proxy on this machine. */
  address?: string;
}

/** The slot that serves a client, and the reason. */
export interface ClientExplanation {
  /** The rule that decided, as in `header x-user`. */
  readonly rule: string;
  /** The client key: 8 bytes of an address in hexadecimal, the text of a header, query or cookie, or `slot N` if the client carries its slot. */
  readonly key: string;
  /** The address or text that the key was made from. */
  readonly client: string;
  /** The hash of the key, 0 to 2^32 - 1. -1 if the client carries its slot. */
  readonly hash: number;
  /** The bucket that the top bits of the hash choose. -1 if the client carries its slot. */
  readonly bucket: number;
  /** The slot that serves the client while all slots are up. */
  readonly home: number;
  /** The slot that serves the client now. -1 if none does. */
  readonly owner: number;
  /**
   * `home`: the home slot is up. `fallback`: the home slot is down, and the owner serves for it. `carried`: the client carries its slot,
   * sealed, and that slot is up. `none`: no slot is up. Any other value says why the connection would be closed.
   */
  readonly reason: 'home' | 'fallback' | 'carried' | 'none' | Refusal;
}

/** Decides with the code that the handoffs use. Throws ERR_LIMPET_ADDRESS, or ERR_LIMPET_OPTION for a head that is no text or bytes. */
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
  // Decide first as if more bytes could follow: only then a head can be too large. If the rules need more, decide by these bytes.
  let ended = false;
  const decide = () => reading.decide(bytes, ended, hour);
  const ruleOf = ({ rule }: { rule: number }) => labels[rule] ?? 'address';

  let decision = decide();
  if (decision.outcome === 'need-more' && bytes.length > 0) {
    ended = true;
    decision = decide();
  }
  /** The first slot that the client carries. If it is down, the rules after it decide. */
  let carried: { slot: number; rule: string } | undefined;
  while (decision.outcome === 'slot') {
    carried ??= { slot: decision.slot, rule: ruleOf(decision) };
    decision = decide();
  }
  if (decision.outcome === 'need-more' || decision.outcome === 'refused') return explainRejection(decision);
  const { key, client, hash } = keyOf(decision, ring);
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

function keyOf(
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

function explainRejection(decision: Decision): ClientExplanation {
  const reason = decision.outcome === 'refused' ? decision.refusal : 'silent';
  return { rule: 'none', key: '', client: '', hash: -1, bucket: -1, home: -1, owner: -1, reason };
}

function headError(head: unknown): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_OPTION',
    `explain() got ${head === null ? 'null' : typeof head} as a head, expected text or bytes. Give an address, or { head, address }.`,
    { option: 'head' },
  );
}
