import { handoffs } from '../integration/served.ts';

/** Every handoff that there is here, with every adapter. */
export const pairs: readonly { handoff: string; adapter: string }[] = handoffs.flatMap((handoff) =>
  ['node', 'uws'].map((adapter) => ({ handoff, adapter })),
);
