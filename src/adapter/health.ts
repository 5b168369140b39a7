import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from 'node:net';

/** The responses to health checks. */
export const healthAnswers = {
  healthy: { status: 200, text: 'OK', body: 'serving\n' },
  leaving: { status: 503, text: 'Service Unavailable', body: 'leaving\n' },
} as const;

/** Answers GET and HEAD requests for `path`, with or without a query. The app does not see them. */
export function answerHealth(
  server: Server,
  path: string,
  isHealthy: (request: IncomingMessage) => boolean,
): void {
  const { emit } = server;
  server.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    if (event !== 'request' || !isHealthCheck(args[0] as IncomingMessage, path)) {
      return Reflect.apply(emit, server, [event, ...args]);
    }
    const [request, response] = args as [IncomingMessage, ServerResponse];
    const { status, body } = healthAnswers[isHealthy(request) ? 'healthy' : 'leaving'];
    response.writeHead(status, {
      'Content-Type': 'text/plain',
      'Content-Length': body.length,
      'Cache-Control': 'no-store',
    });
    response.end(body);
    return true;
  };
}

function isHealthCheck({ method, url = '' }: IncomingMessage, path: string): boolean {
  return (
    url.startsWith(path) &&
    (url.length === path.length || url[path.length] === '?') &&
    (method === 'GET' || method === 'HEAD')
  );
}
