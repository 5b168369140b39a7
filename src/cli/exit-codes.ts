import type { LimpetError } from '../errors.js';

/** The exit codes of `limpet`, for scripts. A test compares them with docs/cli.md and `limpet --help`. */
export const exitCodes = {
  done: 0,
  failed: 1,
  misused: 2,
  notFound: 3,
} as const;

export const exitMeanings: Record<keyof typeof exitCodes, string> = {
  done: 'done',
  failed: 'failed: the command could not be carried out; stderr says why',
  misused: 'misused: an unknown command, a wrong option or a wrong value',
  notFound: 'not found: no running router has the name',
};

export function exitCodeOf({ code }: LimpetError): number {
  if (code === 'ERR_LIMPET_OPTION' || code === 'ERR_LIMPET_ADDRESS') return exitCodes.misused;
  return code === 'ERR_LIMPET_CONTROL' ? exitCodes.notFound : exitCodes.failed;
}
