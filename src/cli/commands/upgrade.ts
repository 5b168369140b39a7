import { Command } from 'commander';
import { aboutRouter, type Whom, withRouter } from '../running-router.js';
import { duration } from '../terminal.js';

export const upgrade: Command = aboutRouter(new Command('upgrade'))
  .description(
    'Replaces the primary itself: a new one, by the same command line and what is on the disk now, takes over the listening sockets and starts ' +
      'its workers; when all are ready they serve, and the old ones finish what they have. No connection is refused, no client moves. ' +
      'When the new one fails, nothing has changed, and the exit code is 1. Not in a container whose process 1 the primary is.',
  )
  .action((whom: Whom) =>
    withRouter(whom, async (router) => {
      const from = Date.now();
      const { pid } = (await router.ask('upgrade')) as { pid: number };
      process.stdout.write(`process ${pid} has taken over, in ${duration(Date.now() - from)}\n`);
    }),
  );
