import { Argument, Command } from 'commander';
import { workerCount } from '../flag-values.js';
import { aboutRouter, type Whom, withRouter } from '../running-router.js';

export const scale: Command = aboutRouter(new Command('scale'))
  .description(
    'Changes the number of workers. Up: ends when the new slots serve their share; down: the processes of the slots taken away drain.',
  )
  .addArgument(new Argument('<workers>', "1 to 256, or 'max' for one on each core").argParser(workerCount))
  .action((workers: number | 'max', whom: Whom) =>
    withRouter(whom, async (router) => {
      await router.ask('scale', { workers });
      const { slots } = (await router.ask('ring')) as { slots: number };
      process.stdout.write(`${slots} workers\n`);
    }),
  );
