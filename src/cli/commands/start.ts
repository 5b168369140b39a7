import { Command } from 'commander';
import { LimpetError } from '../../errors.js';
import { takesSettings } from '../effective-settings.js';

export const start: Command = takesSettings(
  new Command('start')
    .description(
      "Runs an app on several processes, each client always on the same one. The app's own listen() is served by limpet: nothing in the app changes. " +
        'Ends as the app would: by Ctrl-C, SIGTERM or "limpet stop", when every worker has finished what it has.',
    )
    .argument('[app]', "the app's file, ES module or CommonJS; may be named in limpet.config instead")
    .argument('[args...]', "the app's arguments; those that begin with - after --"),
)
  .option('--json', 'log lines as JSON, as they are where stdout is no terminal')
  .option('--no-json', 'log lines for people')
  .addHelpText(
    'after',
    `
What is not on the command line is taken from LIMPET_* (LIMPET_WORKERS for --workers), then from limpet.config.js or
limpet.config.json, then from the defaults; "limpet config" prints what holds, and why.

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
        'there is no app to start. Give its file, "limpet start server.js", or name it as app in limpet.config.',
      );
    }
    await runApp(effective, (flags.json as boolean | undefined) ?? !process.stdout.isTTY);
  });
