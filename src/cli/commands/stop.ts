import { Command } from 'commander';
import { aboutRouter, type Whom, withRouter } from '../running-router.js';

export const stop: Command = aboutRouter(new Command('stop'))
  .description(
    'Ends a router: it takes nothing new, its workers finish what they have (drainTimeoutMs), and this waits for it.',
  )
  .option('--now', 'end the workers at once; nothing is finished')
  .action(({ now = false, ...whom }: Whom & { now?: boolean }) =>
    withRouter(whom, async (router) => {
      const { left } = (await router.ask('stop', { now })) as { left: number };
      process.stdout.write(left === 0 ? 'stopped\n' : `stopped; ${left} connections were closed unserved\n`);
    }),
  );
