import { handoffs } from '../integration/served.ts';

/** Each handoff that this machine has, with each adapter. */
export const pairs: readonly { handoff: string; adapter: string }[] = handoffs.flatMap((handoff) =>
  ['node', 'uws'].map((adapter) => ({ handoff, adapter })),
);
