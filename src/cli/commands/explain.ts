import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import type { ClientExplanation } from '../../cluster/primary/explain.js';
import { LimpetError } from '../../errors.js';
import { effectiveSettings, routerOptionsOf, withSettings } from '../effective-settings.js';
import { withRouter } from '../running-router.js';

interface ExplainFlags extends Record<string, unknown> {
  readonly name?: string;
  readonly head?: string;
  readonly offline?: boolean;
  readonly json?: boolean;
}

export const explain: Command = withSettings(
  new Command('explain')
    .description(
      'Prints which slot serves a client, and why: the rule that identifies the client, its key, hash and bucket, its home, and the slot that serves now. ' +
        'Asks the running router. With --offline or --secret, it computes what a router with these options would do.',
    )
    .argument(
      '[address]',
      "the client's address. With --head: the address of the connection's peer, by default 127.0.0.1",
    ),
)
  .option(
    '--head <file>',
    'a file with the bytes of a request head, after a PROXY header if there is one; - for stdin',
  )
  .option('--offline', 'compute the answer without a running router, with all slots up')
  .option('--json', 'print JSON, as router.explain() returns it')
  .addHelpText(
    'after',
    `
Examples:
  limpet explain 203.0.113.7
  printf 'GET / HTTP/1.1\\r\\nHost: a\\r\\nX-User: 42\\r\\n\\r\\n' | limpet explain --head - --offline -w 4 --affinity header:x-user
`,
  )
  .action(async (address: string | undefined, flags: ExplainFlags) => {
    const head = flags.head === undefined ? undefined : readHead(flags.head);
    if (address === undefined && head === undefined) {
      throw new LimpetError(
        'ERR_LIMPET_OPTION',
        'got neither an address nor --head, expected one of them. Give the address of a client.',
      );
    }
    const found =
      flags.offline || flags.secret !== undefined
        ? await offline(address, head, flags)
        : await withRouter(flags, (router) =>
            router.ask('explain', { address, ...(head ? { head: head.toString('base64') } : {}) }),
          );
    const explanation = found as ClientExplanation;
    process.stdout.write(
      flags.json ? `${JSON.stringify(explanation, null, 2)}\n` : explanationText(explanation),
    );
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

function readHead(file: string): Buffer {
  try {
    return readFileSync(file === '-' ? 0 : file);
  } catch (error) {
    throw new LimpetError(
      'ERR_LIMPET_OPTION',
      `--head: ${file} cannot be read, expected a file with a request head: ${(error as Error).message}.`,
    );
  }
}

const reasons: Readonly<Record<string, string>> = {
  home: 'its home is up',
  fallback: 'its home is down, and this slot is the fallback',
  carried: 'the request names this slot, and the slot is up',
  none: 'no slot is up',
};

function explanationText({
  rule,
  key,
  client,
  hash,
  bucket,
  home,
  owner,
  reason,
}: ClientExplanation): string {
  const why = reasons[reason];
  if (why === undefined) return `limpet would close the connection: ${reason}\n`;
  const lines = [
    ['client', client],
    ['identified by', rule],
    ['key', key],
    ...(bucket < 0 ? [] : [['hash', `0x${hash.toString(16).padStart(8, '0')}, bucket ${bucket}`]]),
    ['home', `slot ${home}`],
    ['served by', owner < 0 ? `nobody: ${why}` : `slot ${owner}: ${why}`],
  ] as [string, string][];
  return lines.map(([name, value]) => `${name.padEnd(13)}  ${value}\n`).join('');
}
