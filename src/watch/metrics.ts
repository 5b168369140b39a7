/** The router's counters in the Prometheus text format ([what each metric means](../operations.md#metrics)). */
import { createServer, type Server } from 'node:http';
import { type Metric, Registry } from 'prom-client';
import type { Router } from '../cluster/primary/router.js';
import type { RouterStatus } from '../cluster/primary/status.js';
import { type Served, serveEndpoint } from './endpoint.js';
import { metricFamilies } from './metric-families.js';

export type { Served } from './endpoint.js';

/** The port and host of the metrics. */
export interface MetricsOptions {
  /** 0 lets the system choose. */
  port: number;
  /** Default: `127.0.0.1`, so that only this machine can read the metrics. */
  host?: string;
}

/**
 * The router's metrics as a registry of prom-client. Each call of `metrics()` reads them again. To serve them at your own endpoint, use
 * `await routerMetrics(router).metrics()`. To add them to your own metrics, use `Registry.merge([register, routerMetrics(router)])`.
 */
export function routerMetrics(router: Pick<Router, 'status'>): Registry {
  const registry = new Registry();
  let now: RouterStatus | undefined;
  // All metrics of one scrape come from the same status.
  const status = () => {
    if (!now) queueMicrotask(() => (now = undefined));
    now ??= router.status();
    return now;
  };
  for (const { name, help, type, samples } of metricFamilies) {
    const get = async () => ({ name, help, type, aggregator: 'sum', values: samples(status()) });
    // prom-client accepts any object with `name` and `get`. Its own aggregated registries contain such objects.
    registry.registerMetric({ name, help, type, get } as unknown as Metric);
  }
  return registry;
}

/** Serves `GET /metrics` until the router is closed or replaced. Rejects with ERR_LIMPET_ADDRESS_*. */
export function serveMetrics(router: Router, { port, host = '127.0.0.1' }: MetricsOptions): Promise<Served> {
  return serveEndpoint(router, metricsServer(router), { key: `metrics:${host}:${port}`, port, host });
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
