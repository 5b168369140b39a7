import { Command } from 'commander';
import { type RouterFlags, withRouter, withRouterName } from '../running-router.js';
import { duration } from '../terminal.js';

export const upgrade: Command = withRouterName(new Command('upgrade'))
  .description(
    'Replaces the primary process. A new primary is started with the same command line and the files that are on disk now. It takes over the listening sockets ' +
      'and starts its workers. When all are ready they serve, and the old workers drain. No connection is refused, no client moves. ' +
      'If the new primary fails, nothing has changed, and the exit code is 1. It does not work in a container where the primary is process 1.',
  )
  .action((flags: RouterFlags) =>
    withRouter(flags, async (router) => {
      const from = Date.now();
      const { pid } = (await router.ask('upgrade')) as { pid: number };
      process.stdout.write(`process ${pid} has taken over, in ${duration(Date.now() - from)}\n`);
    }),
  );
