import { url as inspectorUrl } from 'node:inspector';
import { performance } from 'node:perf_hooks';
import { sessionCache } from '../../metrics.js';
import type { WorkerMessage } from '../protocol.js';

/**
 * Sends a `beat` message to the primary every `everyMs`, with this process's vitals. The primary checks liveness by it. `open`
 * returns the number of open connections. `lagMs` of the message is how late the beat was, in ms.
 */
export function beginHeartbeat(
  everyMs: number,
  open: () => number,
  send: (message: WorkerMessage) => void,
): void {
  let lastBeatAt = 0;
  let lagMs = 0;
  const beat = () => {
    const now = performance.now();
    if (lastBeatAt > 0) lagMs = Math.max(0, Math.round(now - lastBeatAt - everyMs));
    lastBeatAt = now;
    const rssBytes = process.memoryUsage.rss();
    const vitals = { open: open(), lagMs, rssBytes, sessionCache };
    send({ type: 'beat', ...vitals, debugger: inspectorUrl() !== undefined });
  };
  setInterval(beat, everyMs).unref();
}
