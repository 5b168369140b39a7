import { InvalidArgumentError } from 'commander';

/** Reads a whole number from 1 on. */
export function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number from 1.');
}

/** Reads a number of workers; its range is the router's to check. */
export function workerCount(text: string): number | 'max' {
  if (text === 'max') return 'max';
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a whole number from 1 to 256, or 'max'.");
}
