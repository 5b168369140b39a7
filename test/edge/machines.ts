import type { RouterOptions } from '../../src/options.ts';
import { type App, startApp } from '../processes/app.ts';

export const secret = 'the same on each of these machines';
export const workers = 2;

/** Stands for a machine: a router with its workers on its own loopback address. All machines use the same ports. */
export interface Machine {
  readonly app: App;
  readonly host: string;
  readonly name: string;
}

export interface Ports {
  readonly port: number;
  readonly directPort: number;
}

/** Starts the machine with the address 127.0.2.`number`. Resolves when all its workers are ready. */
export async function startMachine(
  number: number,
  { port, directPort }: Ports,
  options: RouterOptions & { workers?: number } = {},
  env: Record<string, string> = {},
  file = 'apps/clients/direct.js',
): Promise<Machine> {
  const host = `127.0.2.${number}`;
  const name = `m${number}`;
  const given = { workers, secret, node: name, directPort, healthPath: '/health', ...options };
  const app = startApp(file, {
    env: {
      NODE_NAME: name,
      LIMPET_TEST_WHERE: JSON.stringify({ port, host }),
      LIMPET_TEST_OPTIONS: JSON.stringify(given),
      ...env,
    },
  });
  await app.hears('ready', undefined, given.workers);
  return { app, host, name };
}
