import { type Command, Option } from 'commander';
import { ControlClient, runningRouters } from '../control/client.js';
import type { SocketFile } from '../control/runtime-directory.js';
import { LimpetError } from '../errors.js';
import { packageFolder, packageName } from '../session/local/state-directory.js';

/** The flags that choose the router of a command. */
export interface RouterFlags {
  readonly name?: string;
}

/** Adds the flag `--name` to a command. */
export function withRouterName(command: Command): Command {
  return command.addOption(
    new Option(
      '-n, --name <name>',
      "the router's name. Default: the only router that runs, or the router of this package",
    ).env('LIMPET_NAME'),
  );
}

/** Connects to the chosen router and runs `talk`. Throws ERR_LIMPET_CONTROL if the router does not run, or if several could be meant. */
export async function withRouter<T>(
  flags: RouterFlags,
  talk: (router: ControlClient) => Promise<T>,
): Promise<T> {
  const client = await ControlClient.connect((await findRouter(flags)).path);
  try {
    return await talk(client);
  } finally {
    client.close();
  }
}

async function findRouter(flags: RouterFlags): Promise<SocketFile> {
  const name = flags.name || undefined;
  const running = await runningRouters();
  const names = [...new Set(running.map((each) => each.name))];
  const wanted = name ?? (names.length === 1 ? names[0] : packageName(packageFolder(process.cwd()), ''));
  const found = running.find((each) => each.name === wanted);
  if (found) return found;
  const runs = names.length === 0 ? 'No router with a name runs' : `These run: ${names.join(', ')}`;
  throw new LimpetError(
    'ERR_LIMPET_CONTROL',
    name !== undefined
      ? `no router named ${name} runs as this user. ${runs}.`
      : names.length === 0
        ? 'no router with a name runs. Start one with "limpet start app.js", or give limpet.listen() the option name.'
        : `several routers run, expected --name to choose one. ${runs}.`,
    { name, running: names },
  );
}
