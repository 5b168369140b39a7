import type { LimpetError } from '../errors.js';

/** What the process's exit code tells a script. docs/cli.md and `limpet --help` list them; a test holds them together. */
export const exitCodes = {
  done: 0,
  failed: 1,
  misused: 2,
  nobody: 3,
} as const;

export const exitMeanings: Record<keyof typeof exitCodes, string> = {
  done: 'done',
  failed: 'failed: what was asked for could not be done; stderr says why',
  misused: 'misused: an unknown command, a wrong option or a wrong value',
  nobody: 'nobody: no running router answers to the name',
};

export function exitCodeOf({ code }: LimpetError): number {
  if (code === 'ERR_LIMPET_OPTION' || code === 'ERR_LIMPET_ADDRESS') return exitCodes.misused;
  return code === 'ERR_LIMPET_CONTROL' ? exitCodes.nobody : exitCodes.failed;
}
