import { expect, test } from 'vitest';
import { steeringRefusal, unsupportedKernel } from '../../../src/handoff/kernel/steering-refusal.ts';
import { systemError } from '../fake-binding.ts';

test.each([
  ['ENOMEM', /larger than net\.core\.optmem_max allows \(sysctl -w net\.core\.optmem_max=131072\)/],
  ['ENOPROTOOPT', /no SO_ATTACH_REUSEPORT_CBPF \(Linux 4\.6/],
  ['ENOTSUP', /only Linux/],
  ['E2BIG', /more than 4,096 instructions/],
  ['EPERM', /dropped its privileges/],
  ['EACCES', /dropped its privileges/],
])('%s is explained', (code, reason) => {
  expect(steeringRefusal(systemError('setsockopt', code))).toMatch(reason);
});

test('an error without a code is named by its message', () => {
  expect(steeringRefusal(new Error('broken'))).toBe('a system call says broken');
});

test('the error for a listener has the reason, and the handoff to use instead', () => {
  const cause = new Error('broken');
  const error = unsupportedKernel('no reason', cause);
  expect(error).toMatchObject({
    code: 'ERR_LIMPET_HANDOFF_UNSUPPORTED',
    facts: { handoff: 'kernel', reason: 'no reason' },
    cause,
  });
  expect(error.message).toMatch(/^handoff kernel cannot be had: no reason\. Use 'auto'.*or 'fd'\.$/);
});
