import { describe, expect, it } from 'vitest';
import {
  acceptorMissing,
  chooseHandoffs,
  type HandoffConditions,
} from '../../../../src/cluster/primary/listeners/handoff-choice.ts';
import type { LimpetError } from '../../../../src/errors.ts';

const everythingPossible: HandoffConditions = {
  wanted: 'auto',
  noAcceptor: undefined,
  readingAffinity: undefined,
  isLoadBounded: false,
  isSocketManaged: false,
  server: 'node',
};
const choose = (conditions: Partial<HandoffConditions>) =>
  chooseHandoffs({ ...everythingPossible, ...conditions });
const namesOf = (conditions: Partial<HandoffConditions>) => choose(conditions).map(({ name }) => name);

function refusalOf(conditions: Partial<HandoffConditions>): LimpetError {
  try {
    choose(conditions);
  } catch (error) {
    return error as LimpetError;
  }
  throw new Error('nothing was refused');
}

const first = 'the first choice';
const noAddon = 'no native addon: none was built';
const reasons = {
  reads: 'affinity by cookie, address needs bytes that the client sends, and kernel reads none',
  counts: 'maxLoad needs the number of connections of each worker, and kernel does not count them',
  managed: 'the service manager owns the listening socket, and kernel needs a socket for each slot',
};
const reading = { readingAffinity: 'cookie, address' };

describe('auto', () => {
  it('takes kernel, then fd, then ipc if everything is possible', () => {
    expect(choose({})).toEqual([
      { name: 'kernel', reason: first },
      { name: 'fd', reason: first },
      { name: 'ipc', reason: first },
    ]);
  });

  it.each([
    ['the affinity reads what the client sends', reading, reasons.reads],
    ['maxLoad bounds the load', { isLoadBounded: true }, reasons.counts],
    ['the service manager has the socket', { isSocketManaged: true }, reasons.managed],
    [
      'everything speaks against it',
      { ...reading, isLoadBounded: true, isSocketManaged: true },
      reasons.reads,
    ],
    ['load and service manager do', { isLoadBounded: true, isSocketManaged: true }, reasons.counts],
  ])('does not take kernel if %s, and says so', (_when, conditions, reason) => {
    expect(choose(conditions)).toEqual([
      { name: 'fd', reason },
      { name: 'ipc', reason: first },
    ]);
  });

  it('takes ipc without an acceptor, and says why there is none', () => {
    expect(choose({ noAcceptor: noAddon })).toEqual([{ name: 'ipc', reason: noAddon }]);
    expect(choose({ noAcceptor: noAddon, ...reading })).toEqual([{ name: 'ipc', reason: noAddon }]);
  });
});

describe('kernel', () => {
  it('is the only choice if it is possible', () => {
    expect(choose({ wanted: 'kernel' })).toEqual([{ name: 'kernel', reason: first }]);
    expect(namesOf({ wanted: 'kernel', server: 'uws' })).toEqual(['kernel']);
  });

  it.each([
    [reading, reasons.reads],
    [{ isLoadBounded: true }, reasons.counts],
    [{ isSocketManaged: true }, reasons.managed],
    [{ ...reading, server: 'uws' } as const, reasons.reads],
  ])('is refused with %o', (conditions, reason) => {
    expect(refusalOf({ wanted: 'kernel', ...conditions })).toMatchObject({
      code: 'ERR_LIMPET_HANDOFF_UNSUPPORTED',
      message: `handoff kernel is not possible: ${reason}. Use 'auto', which takes the best possible handoff.`,
      facts: { handoff: 'kernel', reason },
    });
  });
});

describe('fd', () => {
  it.each([
    {},
    reading,
    { isLoadBounded: true },
    { isSocketManaged: true },
    { ...reading, server: 'uws' } as const,
  ])('is the first and only choice, whatever kernel lacks (%o)', (conditions) => {
    expect(choose({ wanted: 'fd', ...conditions })).toEqual([{ name: 'fd', reason: first }]);
  });
});

describe('ipc', () => {
  it.each([{}, reading, { isLoadBounded: true }, { isSocketManaged: true }, { server: 'uws' } as const])(
    'is the first and only choice (%o)',
    (conditions) => {
      expect(choose({ wanted: 'ipc', ...conditions })).toEqual([{ name: 'ipc', reason: first }]);
    },
  );
});

describe('a uWebSockets.js app', () => {
  it('has every choice if only the address decides', () => {
    expect(namesOf({ server: 'uws' })).toEqual(['kernel', 'fd', 'ipc']);
    expect(namesOf({ server: 'uws', noAcceptor: noAddon })).toEqual(['ipc']);
  });

  it('has no ipc if the affinity reads the request head', () => {
    expect(choose({ server: 'uws', ...reading })).toEqual([{ name: 'fd', reason: reasons.reads }]);
  });

  it.each([
    { wanted: 'ipc' } as const,
    { noAcceptor: noAddon },
    { wanted: 'ipc', noAcceptor: noAddon } as const,
  ])('is refused if the affinity reads the request head and nothing but ipc is left (%o)', (conditions) => {
    const reason =
      'affinity by cookie, address reads the request head, and uWebSockets.js cannot take back what was read';
    expect(refusalOf({ server: 'uws', ...reading, ...conditions })).toMatchObject({
      code: 'ERR_LIMPET_HANDOFF_UNSUPPORTED',
      message: `handoff ipc is not possible: ${reason}. Use 'auto', which takes the best possible handoff.`,
      facts: { handoff: 'ipc', reason },
    });
  });
});

it('the error of a router without an acceptor names the handoff, the reason and what to do', () => {
  expect(acceptorMissing('fd', noAddon)).toMatchObject({
    code: 'ERR_LIMPET_HANDOFF_UNSUPPORTED',
    message: `handoff fd is not possible: ${noAddon}. Use 'auto' or 'ipc'.`,
    facts: { handoff: 'fd', reason: noAddon },
  });
});
