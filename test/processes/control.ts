import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ControlClient } from '../../src/control/client.ts';
import type { LimpetError } from '../../src/errors.ts';

/** The errors of a router that an upgrade replaces at this moment. The new router answers soon. */
const handoverErrors = ['ERR_LIMPET_CONTROL', 'ERR_LIMPET_CLOSED'];

/**
 * Gives a command to the router of this name whose XDG_RUNTIME_DIR is `runtime`. During an upgrade it tries again until the new router
 * answers, at most 100 times. Rejects with the router's own error.
 */
export async function command(
  runtime: string,
  name: string,
  words: string,
  args: Record<string, unknown> = {},
): Promise<unknown> {
  for (let tries = 1; ; tries++) {
    try {
      return await once(join(runtime, 'limpet', name), words, args);
    } catch (error) {
      if (tries === 100 || !handoverErrors.includes((error as LimpetError).code)) throw error;
      await pause(50);
    }
  }
}

async function once(folder: string, words: string, args: Record<string, unknown>): Promise<unknown> {
  let failure: unknown;
  for (const path of socketsIn(folder)) {
    const client = await ControlClient.connect(path).catch((error) => {
      failure = error;
    });
    if (!client) continue;
    try {
      return await client.ask(words, args);
    } finally {
      client.close();
    }
  }
  throw failure ?? new Error(`no control socket in ${folder}`);
}

/** The oldest first: the router that serves is the first that still answers. */
function socketsIn(folder: string): string[] {
  const madeAt = (path: string) => lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return readdirSync(folder)
    .map((file) => join(folder, file))
    .sort((a, b) => madeAt(a) - madeAt(b));
}
