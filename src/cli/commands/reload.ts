import { Command } from 'commander';
import type { RouterStatus } from '../../cluster/primary/status.js';
import { readWholeNumber } from '../flag-values.js';
import { type RouterFlags, withRouter, withRouterName } from '../running-router.js';
import { duration } from '../terminal.js';

export const reload: Command = withRouterName(new Command('reload'))
  .description(
    'Replaces every worker by a new process. The old worker drains when the new one is ready, so no connection is refused and no client moves. ' +
      'If a new worker does not become ready, the old one keeps its slot, and the exit code is 1.',
  )
  .option('-p, --parallel <slots>', 'how many slots to reload at the same time', readWholeNumber, 1)
  .action(({ parallel, ...flags }: RouterFlags & { parallel: number }) =>
    withRouter(flags, async (router) => {
      const from = Date.now();
      await router.ask('reload', { parallel });
      const { slots } = (await router.ask('status')) as RouterStatus;
      process.stdout.write(`${slots.length} workers reloaded in ${duration(Date.now() - from)}\n`);
    }),
  );
