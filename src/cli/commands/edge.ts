import { hostname } from 'node:os';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import type { AffinityRule } from '../../affinity-options.js';
import type { RouterStatus } from '../../cluster/primary/status.js';
import { type EdgeNode, type EdgeSettings, haproxy, nginx } from '../../edge/index.js';
import { LimpetError } from '../../errors.js';
import { wholeNumber } from '../flag-values.js';
import { aboutRouter, type Whom, withRouter } from '../running-router.js';
import { settings as startSettings } from '../settings.js';

const generators = { nginx, haproxy };

interface EdgeOptions extends Whom, Partial<Omit<EdgeSettings, 'nodes' | 'tls' | 'trust' | 'listen'>> {
  readonly node?: readonly EdgeNode[];
  readonly listen?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly trust?: string;
}

export const edge: Command = aboutRouter(new Command('edge'))
  .description(
    'Prints a complete, commented configuration for the proxy in front of machines that run limpet. What is not said is taken from the ' +
      'router that runs here: its ports, workers, affinity and health path.',
  )
  .addArgument(new Argument('<proxy>', 'which proxy').choices(Object.keys(generators)))
  .option('--node <host>', 'a machine: host, or name=host; again for each. Default: this one', aNode)
  .option('-w, --workers <n>', 'workers of each machine', wholeNumber)
  .addOption(
    new Option('--via <how>', 'to the direct ports, or to the shared port').choices(['direct', 'shared']),
  )
  .option('-p, --port <port>', "the machines' shared port", wholeNumber)
  .option('--direct-port <port>', "the first of the machines' direct ports", wholeNumber)
  .option('--affinity <rules>', 'as for start', startSettings.affinity?.read as (text: string) => unknown)
  .option('--listen <where>', 'where clients come: ports, or address:port, with commas')
  .option('--certificate <file>', 'ends TLS: a PEM file')
  .option('--key <file>', 'its key, where that is a file of its own')
  .option('--health-path <path>', 'where workers say whether they serve')
  .addOption(new Option('--secret <text>', "the routers' secret, for HAProxy's cookies").env('LIMPET_SECRET'))
  .option('--trust <list>', 'balancers in front of the proxy: addresses and CIDRs, with commas')
  .option('--max-load <times>', 'HAProxy: no server gets so many times the mean', Number)
  .option('--quiet-ms <ms>', 'how long an answer may be silent', wholeNumber)
  .option('--version-of <version>', "the proxy's version, such as 1.29.6")
  .action(
    async (proxy: keyof typeof generators, { name, ...given }: EdgeOptions & { versionOf?: string }) => {
      const complete = given.node !== undefined && given.workers !== undefined;
      const known = complete
        ? {}
        : await withRouter({ ...(name && { name }) }, async (router) =>
            settingsOf((await router.ask('status')) as RouterStatus),
          );
      process.stdout.write(generators[proxy]({ ...known, ...asSettings(given) } as EdgeSettings));
    },
  );

/** What a running router says of itself. Throws ERR_LIMPET_OPTION when no proxy could reach it. */
function settingsOf({ listeners, slots, affinity, healthPath }: RouterStatus): EdgeSettings {
  const [first] = listeners;
  const address = first?.address;
  if (!address || 'path' in address) {
    throw new LimpetError(
      'ERR_LIMPET_OPTION',
      'the router listens on no port that a proxy on another machine could reach.',
      {
        option: 'port',
      },
    );
  }
  const direct = first.direct?.address;
  const { address: reached } = direct && 'port' in direct ? direct : address;
  return {
    nodes: [reached === '::' || reached === '0.0.0.0' ? hostname() : reached],
    workers: slots.length,
    port: address.port,
    ...(direct && 'port' in direct ? { directPort: direct.port } : {}),
    affinity: affinity.split(', ').map(ruleOf),
    ...(healthPath === undefined ? {} : { healthPath }),
  };
}

function ruleOf(label: string): AffinityRule {
  const [kind, name] = label.split(' ');
  return (name === undefined ? kind : { [kind as string]: name }) as AffinityRule;
}

function asSettings(given: EdgeOptions & { versionOf?: string }): Partial<EdgeSettings> {
  const { node, listen, certificate, key, trust, versionOf, ...rest } = given;
  return {
    ...rest,
    ...(node && { nodes: node }),
    ...(listen && { listen: listen.split(',') }),
    ...(trust && { trust: trust.split(',') }),
    ...(certificate && { tls: { certificate, ...(key && { key }) } }),
    ...(versionOf && { version: versionOf }),
  };
}

function aNode(text: string, before: readonly EdgeNode[] = []): readonly EdgeNode[] {
  const [, name, host] = /^(?:([^=]+)=)?([^=]+)$/.exec(text) ?? [];
  if (host === undefined) throw new InvalidArgumentError('Expected host, or name=host.');
  return [...before, name === undefined ? { host } : { host, name }];
}
