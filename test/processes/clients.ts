import { type IncomingHttpHeaders, request } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Sends a request on a connection of its own, from the loopback address `from`. Rejects if it fails or takes longer than 15 s. */
export function ask(
  port: number,
  from: string,
  options: { path?: string; host?: string; headers?: Record<string, string>; timeoutMs?: number } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = request(
      {
        port,
        host: options.host ?? '127.0.0.1',
        path: options.path ?? '/',
        headers: options.headers ?? {},
        localAddress: from,
        agent: false,
      },
      (res) => {
        let body = '';
        res.setEncoding('utf8');
        res.on('data', (chunk: string) => {
          body += chunk;
        });
        res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body }));
        res.on('error', reject);
      },
    );
    req.setTimeout(options.timeoutMs ?? 15_000, () => req.destroy(new Error('the request timed out')));
    req.on('error', reject);
    req.end();
  });
}

/** `count` addresses of 127.0.0.0/8, all different. */
export function addresses(count: number, start = 0): string[] {
  return Array.from({ length: count }, (_, i) => {
    const n = i + start;
    const high = Math.floor(n / 254);
    return `127.${1 + Math.floor(high / 256)}.${high % 256}.${1 + (n % 254)}`;
  });
}

/** Runs `work` on all items, `width` at a time. Rejects with the first failure. */
export async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = new Array(items.length);
  let next = 0;
  const workThrough = async () => {
    while (next < items.length) {
      const i = next++;
      results[i] = await work(items[i] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, workThrough));
  return results;
}
