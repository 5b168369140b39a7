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

/** Only the file of the command that is asked for is loaded. */
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
    summary: 'the options that start would run with, and where each is from',
    load: async () => (await import('./commands/config.js')).config,
  },
  status: {
    group: 'Look after a running router:',
    summary: 'how it is: slots, processes, connections',
    load: async () => (await import('./commands/status.js')).status,
  },
  reload: {
    group: 'Look after a running router:',
    summary: 'replace every worker by a new process; nobody is refused',
    load: async () => (await import('./commands/reload.js')).reload,
  },
  upgrade: {
    group: 'Look after a running router:',
    summary: 'replace the primary itself by a new one; nobody is refused',
    load: async () => (await import('./commands/upgrade.js')).upgrade,
  },
  scale: {
    group: 'Look after a running router:',
    usage: '<workers>',
    summary: 'change the number of workers; only the clients that must move do',
    load: async () => (await import('./commands/scale.js')).scale,
  },
  stop: {
    group: 'Look after a running router:',
    summary: 'let the workers finish what they have, then end',
    load: async () => (await import('./commands/stop.js')).stop,
  },
  explain: {
    group: 'Look into it:',
    usage: '<address>',
    summary: 'which slot serves a client, and why',
    load: async () => (await import('./commands/explain.js')).explain,
  },
  ring: {
    group: 'Look into it:',
    summary: 'draw the ring: the slots, their shares, the buckets',
    load: async () => (await import('./commands/ring.js')).ring,
  },
  demo: {
    group: 'Look into it:',
    summary: 'show what limpet does, in 20 seconds',
    load: async () => (await import('./commands/demo.js')).demo,
  },
  edge: {
    group: 'Many machines:',
    usage: '<nginx|haproxy>',
    summary: 'the configuration of a proxy in front of them, that keeps every client on its worker',
    load: async () => (await import('./commands/edge.js')).edge,
  },
  doctor: {
    group: 'Look into it:',
    summary: 'what limpet finds on this machine, and what to do about it',
    load: async () => (await import('./commands/doctor.js')).doctor,
  },
};

// A reader that has seen enough, such as head, is no failure.
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
    .description('Serves a Node.js app from all cores; every client comes back to its own worker.')
    .usage('<command> [options]')
    .helpOption('-h, --help', 'this; with a command, all about the command')
    .helpCommand(false)
    .version(
      createRequire(import.meta.url)('../../package.json').version,
      '-v, --version',
      'the version of limpet',
    )
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'limpet: ')) })
    .showHelpAfterError('("limpet --help" lists the commands)')
    .addHelpText('after', () => epilogue())
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? exitCodes.done : exitCodes.misused));
  const asked = args.find((word) => !word.startsWith('-')) ?? '';
  for (const [name, { group, summary, usage = '', load }] of Object.entries(commands)) {
    const command = name === asked ? await load() : new Command(name).usage(usage);
    command.summary(summary).helpGroup(group).copyInheritedSettings(program);
    command.showHelpAfterError(`("limpet ${name} --help" says what it takes)`);
    program.addCommand(command);
  }
  if (args.length === 0) program.outputHelp();
  else await program.parseAsync(unhurried(args), { from: 'user' });
}

/** `--ui` may be followed by a port, and by nothing else that were its own: in `limpet start --ui app.js` the app is the app. */
function unhurried(args: string[]): string[] {
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
