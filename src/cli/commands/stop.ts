import { Command } from 'commander';
import { type RouterFlags, withRouter, withRouterName } from '../running-router.js';

export const stop: Command = withRouterName(new Command('stop'))
  .description(
    'Stops a router gracefully: it takes no new connections, its workers drain (drainTimeoutMs), and the command waits until all have exited.',
  )
  .option('--now', 'kill the workers at once, without draining')
  .action(({ now = false, ...flags }: RouterFlags & { now?: boolean }) =>
    withRouter(flags, async (router) => {
      const { left } = (await router.ask('stop', { now })) as { left: number };
      process.stdout.write(
        left === 0 ? 'stopped\n' : `stopped; ${left} connections were closed without being served\n`,
      );
    }),
  );
