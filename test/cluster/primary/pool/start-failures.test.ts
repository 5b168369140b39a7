import { expect, it } from 'vitest';
import {
  crashLoopError,
  neverStarted,
  newPrimaryFailed,
  newSlotFailed,
  replacementFailed,
} from '../../../../src/cluster/primary/pool/start-failures.ts';
import type { LimpetError } from '../../../../src/errors.ts';
import { fakeWorker } from './fakes.ts';

function exited() {
  const { worker } = fakeWorker(2);
  worker.lifecycle.move('gone', 'exited with code 4', 0);
  return worker;
}

it.each<[string, LimpetError, object]>([
  [
    'slot 2: the new process did not become ready (exited with code 4). The old one serves on. Fix the app, then reload again.',
    replacementFailed(2, 'exited with code 4'),
    { slot: 2, reason: 'exited with code 4' },
  ],
  [
    'no worker became ready: in each of 4 slots 3 processes ended (last: exited with code 4). Run the worker file by itself to see its error.',
    neverStarted(4, 3, 'exited with code 4'),
    { attempts: 3, reason: 'exited with code 4' },
  ],
  [
    'slot 2: its workers keep ending within a minute (last: exited with code 4). limpet starts a new one at most every 10 s. ' +
      'Other slots serve its clients. Read the output of the worker.',
    crashLoopError(2, 'exited with code 4'),
    { slot: 2, reason: 'exited with code 4' },
  ],
  [
    'the worker of the new slot 2 did not become ready (exited with code 4). The number of slots has not changed. Fix the app, then scale again.',
    newSlotFailed(2, 'exited with code 4'),
    { slot: 2, reason: 'exited with code 4' },
  ],
  [
    'slot 2: the worker of the new primary did not become ready (exited with code 4). The old primary serves on.',
    newPrimaryFailed(exited()),
    { slot: 2, reason: 'exited with code 4' },
  ],
])('the error says: %s', (message, error, facts) => {
  expect(error.code).toBe('ERR_LIMPET_WORKER_START');
  expect(error.message).toBe(message);
  expect(error.facts).toEqual(facts);
});
