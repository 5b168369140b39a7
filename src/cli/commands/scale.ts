import { Argument, Command } from 'commander';
import { readWorkerCount } from '../flag-values.js';
import { type RouterFlags, withRouter, withRouterName } from '../running-router.js';

export const scale: Command = withRouterName(new Command('scale'))
  .description(
    'Changes the number of workers. Scaling up ends when the new slots serve their share of the clients. When scaling down, the workers of the removed slots drain.',
  )
  .addArgument(
    new Argument('<workers>', "number of workers, 1 to 256, or 'max' for one on each core").argParser(
      readWorkerCount,
    ),
  )
  .action((workers: number | 'max', flags: RouterFlags) =>
    withRouter(flags, async (router) => {
      await router.ask('scale', { workers });
      const { slots } = (await router.ask('ring')) as { slots: number };
      process.stdout.write(`${slots} workers\n`);
    }),
  );
