import { EventEmitter } from 'node:events';
import type { Server } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import { answerHealth } from '../../src/adapter/health.ts';

let server: EventEmitter;
/** The requests that the app sees. */
let seen: unknown[];
let healthy: boolean;
let askedOf: unknown[];

beforeEach(() => {
  server = new EventEmitter();
  [seen, askedOf, healthy] = [[], [], true];
  server.on('request', (request) => seen.push(request));
  answerHealth(server as Server, '/health', (request) => {
    askedOf.push(request);
    return healthy;
  });
});

/** Sends a request. Returns what limpet answers. */
function answerTo(request: { method?: string; url?: string }): unknown[] {
  const answer: unknown[] = [];
  server.emit('request', request, {
    writeHead: (...args: unknown[]) => answer.push(...args),
    end: (body: unknown) => answer.push(body),
  });
  return answer;
}

const headers = (length: number) => ({
  'Content-Type': 'text/plain',
  'Content-Length': length,
  'Cache-Control': 'no-store',
});

describe('answerHealth()', () => {
  it.each([
    { method: 'GET', url: '/health' },
    { method: 'HEAD', url: '/health' },
    { method: 'GET', url: '/health?from=proxy' },
  ])('answers $method $url, and the app does not see it', (request) => {
    expect(answerTo(request)).toEqual([200, headers(8), 'serving\n']);
    healthy = false;
    expect(answerTo(request)).toEqual([503, headers(8), 'leaving\n']);
    expect(server.emit('request', request, { writeHead: () => {}, end: () => {} })).toBe(true);
    expect([askedOf, seen]).toEqual([[request, request, request], []]);
  });

  it.each([
    { method: 'POST', url: '/health' },
    { method: 'GET', url: '/healthy' },
    { method: 'GET', url: '/health/' },
    { method: 'GET', url: '/' },
    { method: 'GET', url: '/app/health' },
    { method: 'GET' },
  ])('leaves $method $url to the app', (request) => {
    expect(answerTo(request)).toEqual([]);
    expect([askedOf, seen]).toEqual([[], [request]]);
  });

  it('passes other events on, with their arguments and result', () => {
    const heard: unknown[] = [];
    server.on('upgrade', (...args) => heard.push(...args));
    expect(server.emit('upgrade', { method: 'GET', url: '/health' }, 'socket')).toBe(true);
    expect(server.emit('checkContinue')).toBe(false);
    expect(heard).toEqual([{ method: 'GET', url: '/health' }, 'socket']);
  });
});
