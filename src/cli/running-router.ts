import { type Command, Option } from 'commander';
import { ControlClient, runningRouters } from '../control/client.js';
import type { SocketFile } from '../control/runtime-directory.js';
import { LimpetError } from '../errors.js';
import { packageFolder, packageName } from '../session/local/state-directory.js';

/** Which router a command is about. */
export interface Whom {
  readonly name?: string;
}

/** Adds the option `--name`. */
export function aboutRouter(command: Command): Command {
  return command.addOption(
    new Option(
      '-n, --name <name>',
      "the router's name; the only one that runs, or this package's, needs none",
    ).env('LIMPET_NAME'),
  );
}

/** Talks to the router that is meant. Throws ERR_LIMPET_CONTROL when it does not run, or when several might be meant. */
export async function withRouter<T>(whom: Whom, talk: (router: ControlClient) => Promise<T>): Promise<T> {
  const client = await ControlClient.connect((await theOne(whom)).path);
  try {
    return await talk(client);
  } finally {
    client.close();
  }
}

async function theOne(whom: Whom): Promise<SocketFile> {
  const name = whom.name || undefined;
  const running = await runningRouters();
  const names = [...new Set(running.map((each) => each.name))];
  const wanted = name ?? (names.length === 1 ? names[0] : packageName(packageFolder(process.cwd()), ''));
  const found = running.find((each) => each.name === wanted);
  if (found) return found;
  const runs = names.length === 0 ? 'No router with a name runs' : `Running are ${names.join(', ')}`;
  throw new LimpetError(
    'ERR_LIMPET_CONTROL',
    name !== undefined
      ? `no router named ${name} runs as this user. ${runs}.`
      : `${names.length === 0 ? 'there is no router to talk to' : 'several routers run: say which with --name'}. ${runs}; ` +
          '"limpet start app.js" gives one, and so does the option name of limpet.listen().',
    { name, running: names },
  );
}
