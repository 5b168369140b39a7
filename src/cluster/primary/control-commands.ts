import type { Commands } from '../../control/protocol.js';
import { ControlServer } from '../../control/server.js';
import { publish } from '../../diagnostics.js';
import { LimpetError } from '../../errors.js';
import { type CheckedRouterOptions, checkRouterOptions } from '../../options.js';
import type { ClientHead } from './explain.js';

/** The part of a router that its control socket reaches. */
interface ControlledRouter {
  readonly options: CheckedRouterOptions;
  status(): unknown;
  ring(): unknown;
  explain(client: string | ClientHead): unknown;
  reload(how: { parallel: number }): Promise<void>;
  upgrade(): Promise<unknown>;
  scale(workers: number): Promise<void>;
  kill(reason: string): void;
  close(reason: string): Promise<unknown>;
}

/**
 * Opens the control socket of a router that has a name. One that has no place for it serves all the same: a fault is published;
 * only a name that a living router has, other than the `predecessor`, is a mistake, which `taken` is told.
 */
export async function openControl(
  router: ControlledRouter,
  predecessor: number | undefined,
  taken: (error: LimpetError) => void,
): Promise<ControlServer | undefined> {
  const { name } = router.options;
  if (name === undefined) return undefined;
  try {
    return await ControlServer.open({
      name,
      commands: routerCommands(router),
      ...(predecessor === undefined ? {} : { replaces: predecessor }),
    });
  } catch (error) {
    if ((error as LimpetError).code === 'ERR_LIMPET_NAME_IN_USE') taken(error as LimpetError);
    else publish('limpet:fault', () => ({ where: 'control socket', error }));
    return undefined;
  }
}

/** What a router does for whoever asks over its control socket. Each command is the router's method of that name. */
function routerCommands(router: ControlledRouter): Commands {
  return {
    status: () => router.status(),
    ring: () => router.ring(),
    explain: ({ address, head }) =>
      router.explain(
        typeof head === 'string'
          ? {
              head: Buffer.from(head, 'base64'),
              ...(address === undefined ? {} : { address: address as string }),
            }
          : (address as string),
      ),
    reload: ({ parallel = 1 }) => router.reload({ parallel: count('parallel', parallel) }),
    upgrade: () => router.upgrade(),
    scale: ({ workers }) => {
      const { buckets } = router.options;
      return router.scale(checkRouterOptions({ workers: workers as number, buckets }).workers);
    },
    stop: async ({ now = false }) => {
      if (now === true) router.kill('limpet stop');
      const closed = await router.close('limpet stop');
      // As after SIGTERM; the answer goes first.
      if (router.options.signals) setImmediate(endProcess);
      return closed;
    },
  };
}

/** An app with a handler of its own for SIGTERM ends as it sees fit. */
function endProcess(): void {
  if (process.listenerCount('SIGTERM') > 0) process.emit('SIGTERM', 'SIGTERM');
  else process.exit(0);
}

function count(name: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) > 0) return value as number;
  throw new LimpetError(
    'ERR_LIMPET_OPTION',
    `argument ${name}: got ${JSON.stringify(value)}, expected a whole number from 1.`,
    { argument: name, value },
  );
}
