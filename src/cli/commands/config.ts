import { Command } from 'commander';
import { effectiveSettings, withSettings } from '../effective-settings.js';
import { table } from '../terminal.js';

export const config: Command = withSettings(
  new Command('config')
    .description(
      'Prints the options that "limpet start" would use in this folder, and the source of each: a flag, the environment, the file, or the default.',
    )
    .argument('[app]', "the app's file")
    .argument('[args...]', "the app's arguments"),
)
  .option('--json', 'print JSON: option → { value, from }')
  .action(async (app: string | undefined, args: string[], flags: Record<string, unknown>) => {
    const effective = await effectiveSettings({ ...(app === undefined ? {} : { app }), args, flags });
    const rows = [...effective]
      .filter(([, { value }]) => value !== undefined)
      .map(([name, { value, from }]) => ({ name, value: name === 'secret' ? '(not shown)' : value, from }));
    if (flags.json) {
      const byName = Object.fromEntries(rows.map(({ name, ...rest }) => [name, rest]));
      process.stdout.write(`${JSON.stringify(byName, null, 2)}\n`);
      return;
    }
    const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
    const lines = table([
      { head: 'option', align: 'left', cells: rows.map(({ name }) => name) },
      { head: 'value', align: 'left', cells: rows.map(({ value }) => text(value)) },
      { head: 'from', align: 'left', cells: rows.map(({ from }) => from) },
    ]);
    process.stdout.write(`${lines.join('\n')}\n`);
  });
