import { Command } from 'commander';
import { exitCodes } from '../exit-codes.js';
import { styled } from '../terminal.js';

export const demo: Command = new Command('demo')
  .description(
    'Shows what limpet does: starts an app on four workers, sends it clients from many addresses, kills a worker, and tells where they land. ' +
      'Needs nothing, changes nothing, and ends by itself within 20 seconds.',
  )
  .option('--json', 'nothing but the summary, as JSON')
  .addHelpText('after', '\nExits with 1 when a client was moved or not answered.')
  .action(async ({ json }: { json?: boolean }) => {
    const late = setTimeout(() => {
      process.stderr.write(
        'limpet: the demonstration takes longer than 20 seconds: this machine is too busy.\n',
      );
      process.exit(exitCodes.failed);
    }, 20_000);
    const { demonstrate } = await import('../demo/demonstration.js');
    const summary = await demonstrate((line) => {
      if (!json) process.stdout.write(`${line}\n`);
    });
    clearTimeout(late);
    const { clients, moved, refused } = summary;
    const good = moved === 0 && refused === 0;
    const words = `${clients} clients, ${moved} moved, ${refused} refused.`;
    process.stdout.write(
      json ? `${JSON.stringify(summary)}\n` : `${styled(good ? 'green' : 'red', words)}\n`,
    );
    if (!good) process.exitCode = exitCodes.failed;
  });
