import { hostname } from 'node:os';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import type { AffinityRule } from '../../affinity-options.js';
import type { RouterStatus } from '../../cluster/primary/status.js';
import { type EdgeNode, type EdgeSettings, haproxy, nginx } from '../../edge/index.js';
import { LimpetError } from '../../errors.js';
import { readWholeNumber } from '../flag-values.js';
import { type RouterFlags, withRouter, withRouterName } from '../running-router.js';
import { settings as startSettings } from '../settings.js';

const generators = { nginx, haproxy };

interface EdgeOptions extends RouterFlags, Partial<Omit<EdgeSettings, 'nodes' | 'tls' | 'trust' | 'listen'>> {
  readonly node?: readonly EdgeNode[];
  readonly listen?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly trust?: string;
}

export const edge: Command = withRouterName(new Command('edge'))
  .description(
    'Prints a complete configuration, with comments, for the proxy in front of machines that run limpet. Settings without a flag are taken ' +
      'from the router that runs here: its ports, workers, affinity and health path.',
  )
  .addArgument(new Argument('<proxy>', 'the proxy').choices(Object.keys(generators)))
  .option(
    '--node <host>',
    'a machine that runs limpet, as host or name=host; repeat it for each. Default: this machine',
    readNode,
  )
  .option('-w, --workers <n>', 'number of workers of each machine', readWholeNumber)
  .addOption(
    new Option('--via <how>', 'the ports to which the proxy connects: direct or shared').choices([
      'direct',
      'shared',
    ]),
  )
  .option('-p, --port <port>', 'the shared port of the machines', readWholeNumber)
  .option('--direct-port <port>', 'the first direct port of the machines', readWholeNumber)
  .option(
    '--affinity <rules>',
    'as for "limpet start"',
    startSettings.affinity?.read as (text: string) => unknown,
  )
  .option('--listen <where>', 'where the proxy listens: ports, or address:port, separated by commas')
  .option('--certificate <file>', 'terminate TLS with the certificate in this PEM file')
  .option('--key <file>', 'the key of the certificate, if it is in another file')
  .option('--health-path <path>', 'the path of the health checks')
  .addOption(
    new Option('--secret <text>', "the secret of the routers, for HAProxy's cookies").env('LIMPET_SECRET'),
  )
  .option('--trust <list>', 'load balancers in front of the proxy: addresses and CIDRs, separated by commas')
  .option(
    '--max-load <times>',
    'HAProxy only: a server with this many times the mean number of requests gets no more',
    Number,
  )
  .option('--quiet-ms <ms>', 'how long a response may be silent, in ms', readWholeNumber)
  .option('--version-of <version>', 'the version of the proxy, such as 1.29.6')
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

/** Takes the settings from the status of a running router. Throws ERR_LIMPET_OPTION if the router has no port. */
function settingsOf({ listeners, slots, affinity, healthPath }: RouterStatus): EdgeSettings {
  const [first] = listeners;
  const address = first?.address;
  if (!address || 'path' in address) {
    throw new LimpetError(
      'ERR_LIMPET_OPTION',
      'the router listens on no port, so a proxy on another machine cannot reach it. Let it listen on a port, or give --node and --workers.',
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

function readNode(text: string, before: readonly EdgeNode[] = []): readonly EdgeNode[] {
  const [, name, host] = /^(?:([^=]+)=)?([^=]+)$/.exec(text) ?? [];
  if (host === undefined) throw new InvalidArgumentError('Expected host or name=host.');
  return [...before, name === undefined ? { host } : { host, name }];
}
