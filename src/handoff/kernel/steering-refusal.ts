import { LimpetError } from '../../errors.js';

/** The error for a listener that `kernel` cannot serve; `reason` says why. */
export function unsupportedKernel(reason: string, cause?: unknown): LimpetError {
  return new LimpetError(
    'ERR_LIMPET_HANDOFF_UNSUPPORTED',
    `handoff kernel cannot be had: ${reason}. Use 'auto', which takes the next best, or 'fd'.`,
    { handoff: 'kernel', reason },
    cause,
  );
}

/** Why the kernel refused a steering program, and what would help. */
export function steeringRefusal(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOMEM':
      return 'the steering program is larger than net.core.optmem_max allows (sysctl -w net.core.optmem_max=131072)';
    case 'ENOPROTOOPT':
      return 'this kernel has no SO_ATTACH_REUSEPORT_CBPF (Linux 4.6 and later have)';
    case 'ENOTSUP':
      return 'only Linux has SO_ATTACH_REUSEPORT_CBPF';
    case 'E2BIG':
      return 'so many buckets and slots make a program of more than 4,096 instructions (1,024 buckets fit any number of slots)';
    case 'EACCES':
    case 'EPERM':
      return 'this process may not open a further socket on the address any more (a process that has dropped its privileges cannot bind a port below 1024)';
    default:
      return `${error.syscall ?? 'a system call'} says ${error.code ?? error.message}`;
  }
}
