import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import type { ClientExplanation } from '../../cluster/primary/explain.js';
import { LimpetError } from '../../errors.js';
import { effectiveSettings, routerOptionsOf, takesSettings } from '../effective-settings.js';
import { withRouter } from '../running-router.js';

interface ExplainFlags extends Record<string, unknown> {
  readonly name?: string;
  readonly head?: string;
  readonly offline?: boolean;
  readonly json?: boolean;
}

export const explain: Command = takesSettings(
  new Command('explain')
    .description(
      'Tells which slot serves a client, and why: the rule that tells it from others, its key, hash and bucket, the home and who serves now. ' +
        'Asks the running router; with --offline, or --secret, computes what a router of these options would do.',
    )
    .argument('[address]', "the client's address; with --head the peer's, by default 127.0.0.1"),
)
  .option(
    '--head <file>',
    'a request head as it is sent, a PROXY header in front where there is one; - reads stdin',
  )
  .option('--offline', 'without a running router, all slots up')
  .option('--json', 'as JSON, as router.explain() has it')
  .addHelpText(
    'after',
    `
Examples:
  limpet explain 203.0.113.7
  printf 'GET / HTTP/1.1\\r\\nHost: a\\r\\nX-User: 42\\r\\n\\r\\n' | limpet explain --head - --offline -w 4 --affinity header:x-user
`,
  )
  .action(async (address: string | undefined, flags: ExplainFlags) => {
    const head = flags.head === undefined ? undefined : headOf(flags.head);
    if (address === undefined && head === undefined) {
      throw new LimpetError(
        'ERR_LIMPET_OPTION',
        'there is nothing to explain. Give an address, or --head with a file.',
      );
    }
    const found =
      flags.offline || flags.secret !== undefined
        ? await offline(address, head, flags)
        : await withRouter(flags, (router) =>
            router.ask('explain', { address, ...(head ? { head: head.toString('base64') } : {}) }),
          );
    const explanation = found as ClientExplanation;
    process.stdout.write(flags.json ? `${JSON.stringify(explanation, null, 2)}\n` : inWords(explanation));
  });

async function offline(
  address: string | undefined,
  head: Buffer | undefined,
  flags: ExplainFlags,
): Promise<ClientExplanation> {
  const { explainOffline } = await import('../../cluster/primary/offline.js');
  const options = routerOptionsOf(await effectiveSettings({ flags }));
  return explainOffline(
    options,
    head ? { head, ...(address === undefined ? {} : { address }) } : `${address}`,
  );
}

function headOf(file: string): Buffer {
  try {
    return readFileSync(file === '-' ? 0 : file);
  } catch (error) {
    throw new LimpetError(
      'ERR_LIMPET_OPTION',
      `--head: ${file} cannot be read: ${(error as Error).message}.`,
    );
  }
}

const reasons: Readonly<Record<string, string>> = {
  home: 'its home is up',
  fallback: 'its home is down, and this is the fallback',
  carried: 'the client carries its slot, and that is up',
  none: 'no slot is up',
};

function inWords({ rule, key, client, hash, bucket, home, owner, reason }: ClientExplanation): string {
  const why = reasons[reason];
  if (why === undefined) return `the connection would be closed: ${reason}\n`;
  const lines = [
    ['client', client],
    ['told apart by', rule],
    ['key', key],
    ...(bucket < 0 ? [] : [['hash', `0x${hash.toString(16).padStart(8, '0')}, bucket ${bucket}`]]),
    ['home', `slot ${home}`],
    ['served by', owner < 0 ? `nobody: ${why}` : `slot ${owner}: ${why}`],
  ] as [string, string][];
  return lines.map(([name, value]) => `${name.padEnd(13)}  ${value}\n`).join('');
}
