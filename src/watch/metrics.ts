/** The router's counters in the Prometheus text format ([what each metric tells](../operations.md#metrics)). */
import { createServer, type Server } from 'node:http';
import { type Metric, Registry } from 'prom-client';
import type { Router } from '../cluster/primary/router.js';
import type { RouterStatus } from '../cluster/primary/status.js';
import { type Served, serve } from './endpoint.js';
import { families } from './metric-families.js';

export type { Served } from './endpoint.js';

/** Where the metrics are served. */
export interface MetricsOptions {
  /** 0 lets the system choose. */
  port: number;
  /** By default this machine alone can ask. */
  host?: string;
}

/**
 * The router's metrics, as a registry of prom-client: read anew each time it is asked. For an endpoint of your own:
 * `await routerMetrics(router).metrics()`; beside your own metrics: `Registry.merge([register, routerMetrics(router)])`.
 */
export function routerMetrics(router: Pick<Router, 'status'>): Registry {
  const registry = new Registry();
  let now: RouterStatus | undefined;
  // All metrics of one asking are read off one status.
  const status = () => {
    if (!now) queueMicrotask(() => (now = undefined));
    now ??= router.status();
    return now;
  };
  for (const { name, help, type, samples } of families) {
    const get = async () => ({ name, help, type, aggregator: 'sum', values: samples(status()) });
    // prom-client keeps whatever has `name` and `get`, as its own aggregated registries show.
    registry.registerMetric({ name, help, type, get } as unknown as Metric);
  }
  return registry;
}

/**
 * Serves `GET /metrics` until the router is closed. Rejects with ERR_LIMPET_ADDRESS_*.
 */
export function serveMetrics(router: Router, { port, host = '127.0.0.1' }: MetricsOptions): Promise<Served> {
  return serve(router, metricsServer(router), { key: `metrics:${host}:${port}`, port, host });
}

function metricsServer(router: Router): Server {
  const registry = routerMetrics(router);
  return createServer((request, response) => {
    const [path] = (request.url ?? '').split('?');
    const wrong = path !== '/metrics' ? 404 : !['GET', 'HEAD'].includes(request.method ?? '') ? 405 : 0;
    if (wrong !== 0) {
      response.writeHead(wrong, { 'content-type': 'text/plain' }).end('GET /metrics\n');
      return;
    }
    registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
}
