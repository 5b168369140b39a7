import { url as inspectorUrl } from 'node:inspector';
import { performance } from 'node:perf_hooks';
import { sessionCache } from '../../metrics.js';
import type { WorkerMessage } from '../protocol.js';

/** Tells the primary every so often that this process lives, and how: the counterpart of its vigil. `open`: connections, now. */
export function beginHeartbeat(
  everyMs: number,
  open: () => number,
  send: (message: WorkerMessage) => void,
): void {
  let beatAt = 0;
  let lagMs = 0;
  const beat = () => {
    const now = performance.now();
    if (beatAt > 0) lagMs = Math.max(0, Math.round(now - beatAt - everyMs));
    beatAt = now;
    const rssBytes = process.memoryUsage.rss();
    const vitals = { open: open(), lagMs, rssBytes, sessionCache };
    send({ type: 'beat', ...vitals, debugger: inspectorUrl() !== undefined });
  };
  setInterval(beat, everyMs).unref();
}
