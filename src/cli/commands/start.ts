import { Command } from 'commander';
import { LimpetError } from '../../errors.js';
import { withSettings } from '../effective-settings.js';

export const start: Command = withSettings(
  new Command('start')
    .description(
      'Runs an app on several processes. Every client is always served by the same one. limpet serves the port that the app passes to listen(), so the app ' +
        'does not change. Ctrl-C, SIGTERM or "limpet stop" end it when every worker has drained.',
    )
    .argument('[app]', "the app's file, ES module or CommonJS. limpet.config may name it instead")
    .argument('[args...]', "the app's arguments. Put arguments that begin with - after --"),
)
  .option('--json', 'write the log as JSON lines. Default if stdout is not a terminal')
  .option('--no-json', 'write the log as text for people. Default if stdout is a terminal')
  .addHelpText(
    'after',
    `
A setting without a flag is taken from a variable LIMPET_* (LIMPET_WORKERS for --workers), then from limpet.config.js or
limpet.config.json, then from the defaults. "limpet config" prints every setting and its source.

Examples:
  limpet start server.js -w 4
  limpet start server.js -p 8080 --affinity cookie,address -- --verbose
  limpet start server.ts --import tsx
`,
  )
  .action(async (app: string | undefined, args: string[], flags: Record<string, unknown>) => {
    const [{ effectiveSettings }, { runApp }] = await Promise.all([
      import('../effective-settings.js'),
      import('../start/run-app.js'),
    ]);
    const effective = await effectiveSettings({ ...(app === undefined ? {} : { app }), args, flags });
    if (!effective.has('app')) {
      throw new LimpetError(
        'ERR_LIMPET_OPTION',
        'got no app to start, expected a file. Give it as in "limpet start server.js", or as app in limpet.config.',
      );
    }
    await runApp(effective, (flags.json as boolean | undefined) ?? !process.stdout.isTTY);
  });
