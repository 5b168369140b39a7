#!/usr/bin/env node
import { createRequire } from 'node:module';
import { Command } from 'commander';
import { LimpetError } from '../errors.js';
import { exitCodeOf, exitCodes, exitMeanings } from './exit-codes.js';

interface Entry {
  readonly group: string;
  readonly summary: string;
  readonly usage?: string;
  readonly load: () => Promise<Command>;
}

/** Command → its line in the help, and its file. Only the file of the command that the user typed is loaded. */
const commands: Record<string, Entry> = {
  start: {
    group: 'Run:',
    usage: '<app> [args]',
    summary: 'run an app on all cores; every client stays on its worker',
    load: async () => (await import('./commands/start.js')).start,
  },
  config: {
    group: 'Run:',
    usage: '[app]',
    summary: 'print the options that start would use, and their sources',
    load: async () => (await import('./commands/config.js')).config,
  },
  status: {
    group: 'Manage a running router:',
    summary: 'print the state of the router: slots, processes, connections',
    load: async () => (await import('./commands/status.js')).status,
  },
  reload: {
    group: 'Manage a running router:',
    summary: 'replace every worker by a new process; no connection is refused',
    load: async () => (await import('./commands/reload.js')).reload,
  },
  upgrade: {
    group: 'Manage a running router:',
    summary: 'replace the primary process by a new one; no connection is refused',
    load: async () => (await import('./commands/upgrade.js')).upgrade,
  },
  scale: {
    group: 'Manage a running router:',
    usage: '<workers>',
    summary: 'change the number of workers; only the clients that must move are moved',
    load: async () => (await import('./commands/scale.js')).scale,
  },
  stop: {
    group: 'Manage a running router:',
    summary: 'drain the workers, then stop the router',
    load: async () => (await import('./commands/stop.js')).stop,
  },
  explain: {
    group: 'Inspect:',
    usage: '<address>',
    summary: 'print which slot serves a client, and why',
    load: async () => (await import('./commands/explain.js')).explain,
  },
  ring: {
    group: 'Inspect:',
    summary: 'draw the ring: slots, shares and buckets',
    load: async () => (await import('./commands/ring.js')).ring,
  },
  demo: {
    group: 'Inspect:',
    summary: 'show in 20 seconds what limpet does',
    load: async () => (await import('./commands/demo.js')).demo,
  },
  edge: {
    group: 'Many machines:',
    usage: '<nginx|haproxy>',
    summary: 'print the configuration of a proxy that keeps every client on its worker',
    load: async () => (await import('./commands/edge.js')).edge,
  },
  doctor: {
    group: 'Inspect:',
    summary: 'check what limpet needs on this machine, and print advice',
    load: async () => (await import('./commands/doctor.js')).doctor,
  },
};

// EPIPE means that the reader of stdout, such as head, has exited. That is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

main(process.argv.slice(2)).catch((error: unknown) => {
  const known = error instanceof LimpetError;
  process.stderr.write(
    known ? `limpet: ${error.message} (${error.code})\n` : `limpet: ${(error as Error)?.message ?? error}\n`,
  );
  if (!known && process.env.LIMPET_DEBUG) process.stderr.write(`${(error as Error).stack}\n`);
  process.exit(known ? exitCodeOf(error) : exitCodes.failed);
});

async function main(args: string[]): Promise<void> {
  const program = new Command('limpet')
    .description('Serves a Node.js app from all cores. Every client comes back to the same worker.')
    .usage('<command> [options]')
    .helpOption('-h, --help', 'print this help; after a command, the help of the command')
    .helpCommand(false)
    .version(
      createRequire(import.meta.url)('../../package.json').version,
      '-v, --version',
      'print the version of limpet',
    )
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'limpet: ')) })
    .showHelpAfterError('("limpet --help" lists the commands)')
    .addHelpText('after', () => epilogue())
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? exitCodes.done : exitCodes.misused));
  const typed = args.find((word) => !word.startsWith('-')) ?? '';
  for (const [name, { group, summary, usage = '', load }] of Object.entries(commands)) {
    const command = name === typed ? await load() : new Command(name).usage(usage);
    command.summary(summary).helpGroup(group).copyInheritedSettings(program);
    command.showHelpAfterError(`("limpet ${name} --help" lists its arguments and flags)`);
    program.addCommand(command);
  }
  if (args.length === 0) program.outputHelp();
  else await program.parseAsync(withSeparateUi(args), { from: 'user' });
}

/** Only a port can be the value of `--ui`. In `limpet start --ui app.js`, app.js is the app, so `--ui` becomes `--ui=true`. */
function withSeparateUi(args: string[]): string[] {
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  return args.map((word, at) =>
    at < end && word === '--ui' && !/^\d+$/.test(args[at + 1] ?? '') ? '--ui=true' : word,
  );
}

function epilogue(): string {
  const codes = Object.entries(exitCodes).map(
    ([name, code]) => `  ${code}  ${exitMeanings[name as keyof typeof exitCodes]}`,
  );
  return `\nExit codes:\n${codes.join('\n')}\n`;
}
