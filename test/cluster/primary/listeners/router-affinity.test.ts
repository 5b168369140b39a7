import { expect, it, onTestFinished, vi } from 'vitest';
import type { Affinity, Trust } from '../../../../src/affinity-options.ts';
import { RouterAffinity } from '../../../../src/cluster/primary/listeners/router-affinity.ts';
import { checkRouterOptions } from '../../../../src/options.ts';

/** What a router with these options says when it is made. */
function warnings(affinity: Affinity, trust?: Trust): string[] {
  const said: string[] = [];
  const emit = vi.spyOn(process, 'emitWarning').mockImplementation((message, options) => {
    expect(options).toEqual({ type: 'LimpetWarning', code: 'LIMPET_NO_TRUST' });
    said.push(String(message));
  });
  onTestFinished(() => emit.mockRestore());
  const options = checkRouterOptions({ affinity, ...(trust && { trust }) });
  new RouterAffinity(options, 'a secret of sixteen bytes').warnOfIdleRules();
  return said;
}

it.each<[Affinity, string]>([
  ['proxy-protocol', 'proxy-protocol'],
  ['forwarded', 'forwarded'],
  [['cookie', 'forwarded', { by: 'proxy-protocol' }], 'forwarded and proxy-protocol'],
  [['forwarded', { by: 'proxy-protocol', trust: 'loopback' }], 'forwarded'],
])('says that %j, with nobody trusted, can never decide', (affinity, rules) => {
  expect(warnings(affinity)).toEqual([
    expect.stringMatching(`^affinity by ${rules} believes proxies, and trust names none: the next rule`),
  ]);
});

it.each<[Affinity, Trust?]>([
  ['address'],
  ['cookie'],
  ['forwarded', 'loopback'],
  ['proxy-protocol', ['10.0.0.0/8']],
  [{ by: 'forwarded', trust: 'unix' }],
])('says nothing of %j with trust %j', (affinity, trust) => {
  expect(warnings(affinity, trust)).toEqual([]);
});
