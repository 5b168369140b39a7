import { Command } from 'commander';
import { exitCodes } from '../exit-codes.js';
import { styled } from '../terminal.js';

export const demo: Command = new Command('demo')
  .description(
    'Shows what limpet does. Starts an app on four workers, sends requests from many clients, kills a worker, and prints which worker serves ' +
      'each client. Needs no app, changes nothing on this machine, and exits within 20 seconds.',
  )
  .option('--json', 'print only the summary, as JSON')
  .addHelpText('after', '\nThe exit code is 1 if a client was moved, or if a request was not answered.')
  .action(async ({ json }: { json?: boolean }) => {
    const timeout = setTimeout(() => {
      process.stderr.write(
        'limpet: the demonstration took longer than 20 seconds, expected less. This machine is too busy: try again later.\n',
      );
      process.exit(exitCodes.failed);
    }, 20_000);
    const { demonstrate } = await import('../demo/demonstration.js');
    const summary = await demonstrate((line) => {
      if (!json) process.stdout.write(`${line}\n`);
    });
    clearTimeout(timeout);
    const { clients, moved, refused } = summary;
    const good = moved === 0 && refused === 0;
    const words = `${clients} clients, ${moved} moved, ${refused} refused.`;
    process.stdout.write(
      json ? `${JSON.stringify(summary)}\n` : `${styled(good ? 'green' : 'red', words)}\n`,
    );
    if (!good) process.exitCode = exitCodes.failed;
  });
