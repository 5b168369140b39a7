import type { Commands } from '../../control/protocol.js';
import { ControlServer } from '../../control/server.js';
import { publish } from '../../diagnostics.js';
import { LimpetError } from '../../errors.js';
import { type CheckedRouterOptions, checkRouterOptions } from '../../options.js';
import type { ClientHead } from './explain.js';

/** The part of a router that the commands of its control socket call. */
export interface ControlledRouter {
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
 * Opens the control socket of a router that has a name. Resolves with undefined if it has none. If the socket cannot be opened, a fault
 * is published and the router serves without it. If a living router other than the process `replaces` has the name, `onNameInUse` is
 * called with ERR_LIMPET_NAME_IN_USE.
 */
export async function openControl(
  router: ControlledRouter,
  replaces: number | undefined,
  onNameInUse: (error: LimpetError) => void,
): Promise<ControlServer | undefined> {
  const { name } = router.options;
  if (name === undefined) return undefined;
  try {
    return await ControlServer.open({
      name,
      commands: routerCommands(router),
      ...(replaces === undefined ? {} : { replaces }),
    });
  } catch (error) {
    if ((error as LimpetError).code === 'ERR_LIMPET_NAME_IN_USE') onNameInUse(error as LimpetError);
    else publish('limpet:fault', () => ({ where: 'control socket', error }));
    return undefined;
  }
}

/** The commands of the control socket. Each calls the router's method of that name; `stop` calls close() and kill(). */
export function routerCommands(router: ControlledRouter): Commands {
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
    reload: ({ parallel = 1 }) => router.reload({ parallel: checkCount('parallel', parallel) }),
    upgrade: () => router.upgrade(),
    scale: ({ workers }) => {
      const { buckets } = router.options;
      return router.scale(checkRouterOptions({ workers: workers as number, buckets }).workers);
    },
    stop: async ({ now = false }) => {
      if (now === true) router.kill('limpet stop');
      const closed = await router.close('limpet stop');
      // The process ends as after SIGTERM, but the caller gets the answer first.
      if (router.options.signals) setImmediate(endProcess);
      return closed;
    },
  };
}

/** Emits SIGTERM if the app has a handler, so that the app decides how to end. */
function endProcess(): void {
  if (process.listenerCount('SIGTERM') > 0) process.emit('SIGTERM', 'SIGTERM');
  else process.exit(0);
}

function checkCount(name: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) > 0) return value as number;
  throw new LimpetError(
    'ERR_LIMPET_OPTION',
    `argument ${name}: got ${JSON.stringify(value)}, expected a whole number from 1.`,
    { argument: name, value },
  );
}
