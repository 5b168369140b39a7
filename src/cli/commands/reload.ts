import { Command } from 'commander';
import type { RouterStatus } from '../../cluster/primary/status.js';
import { wholeNumber } from '../flag-values.js';
import { aboutRouter, type Whom, withRouter } from '../running-router.js';
import { duration } from '../terminal.js';

export const reload: Command = aboutRouter(new Command('reload'))
  .description(
    'Replaces every worker by a new process, each ready before the one it replaces drains: no connection is refused, no client moves. ' +
      'When a new process does not become ready, the old one serves on, and the exit code is 1.',
  )
  .option('-p, --parallel <slots>', 'how many slots at a time', wholeNumber, 1)
  .action(({ parallel, ...whom }: Whom & { parallel: number }) =>
    withRouter(whom, async (router) => {
      const from = Date.now();
      await router.ask('reload', { parallel });
      const { slots } = (await router.ask('status')) as RouterStatus;
      process.stdout.write(`${slots.length} workers reloaded in ${duration(Date.now() - from)}\n`);
    }),
  );
