/**
 * The parts of the suite, in the order in which they run. A part is loaded when it runs. It returns the content of its results file.
 *
 * @typedef {object} Run
 * @property {number} rounds
 * @property {number} workers
 * @property {number} scale 1 in a full run, less in a quick run
 * @property {string[]} only the workloads and subjects to measure; empty means all
 * @property {(line: string) => void} say
 */

/** @type {Record<string, (run: Run) => Promise<object>>} */
export const parts = {
  micro: async (run) => (await import('./micro/index.js')).measureMicro(run),
  quality: async (run) => (await import('./quality/index.js')).measureQuality(run),
  connections: async (run) => (await import('./connections/index.js')).measureConnections(run),
  affinity: async (run) => (await import('./affinity/index.js')).measureAffinity(run),
  proof: async (run) => (await import('./proof/index.js')).measureProof(run),
  sessions: async (run) => (await import('./sessions/index.js')).measureSessions(run),
  profile: async (run) => (await import('./profile/index.js')).measureProfile(run),
  scale: async (run) => (await import('./scale/index.js')).measureScale(run),
};
