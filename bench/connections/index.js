import { interleave, spread, spreadMax, summary } from '../rounds.js';
import { measure } from './measure.js';
import { subjects } from './subjects/index.js';
import { quick as quickly, workloads } from './workloads.js';

/**
 * Runs every workload with every subject, in interleaved rounds.
 * @param {{ rounds: number, workers: number, scale: number, only: string[], say: (line: string) => void }} run
 *   `only` names workloads, subjects, or both. Empty means all.
 * @returns {Promise<object>} workload → title, operation and subjects: name → rounds with medians and spreads, or why it did not run
 */
export async function measureConnections({ rounds, workers, scale, quick, only, say }) {
  const all = subjects(workers);
  const pick = (names, otherwise = names) => {
    const asked = names.filter((name) => only.includes(name));
    return asked.length > 0 ? asked : otherwise;
  };
  const names = all.map(({ name }) => name);
  const chosen = pick(names, quick ? quickly.subjects : names);
  const results = {};
  for (const name of pick(Object.keys(workloads), quick ? quickly.workloads : Object.keys(workloads))) {
    const { title, operation, app = 'http', held, subjects: named } = workloads[name];
    const measured = new Map();
    const missing = new Map();
    const isChosen = ({ name: one, special }) => (named ? named.includes(one) : !special);
    for (const subject of all.filter((one) => isChosen(one) && chosen.includes(one.name))) {
      const reason = subject.lacks?.includes(app) ? `does not serve ${app}` : subject.missing?.();
      if (reason) missing.set(subject.name, reason);
      else measured.set(subject.name, []);
    }
    const able = all.filter((one) => measured.has(one.name));
    say(`${title}: ${able.length} subjects, ${rounds} rounds`);
    for (const { round, entry } of interleave(able, rounds)) {
      if (missing.has(entry.name)) continue;
      try {
        const one = await measure(entry, workloads[name], { workers, scale, round });
        measured.get(entry.name).push(one);
        say(`  ${round + 1}/${rounds} ${entry.title.padEnd(28)} ${line(one)}`);
      } catch (error) {
        missing.set(entry.name, error.message);
        say(`  ${round + 1}/${rounds} ${entry.title.padEnd(28)} did not run: ${error.message}`);
      }
    }
    results[name] = { title, operation, held, subjects: {} };
    for (const { name: subject, title: subjectTitle, group, by } of all) {
      const head = { title: subjectTitle, group, by };
      if (missing.has(subject)) results[name].subjects[subject] = { ...head, missing: missing.get(subject) };
      else if (measured.has(subject)) {
        results[name].subjects[subject] = {
          ...head,
          ...summary(measured.get(subject)),
          rounds: measured.get(subject).map(({ distribution, ...figures }) => figures),
        };
        warnOfSpread(subjectTitle, measured.get(subject), say);
      }
    }
  }
  return results;
}

function warnOfSpread(title, measurements, say) {
  const wide = spread(measurements.map(({ perSecond }) => perSecond));
  if (wide <= spreadMax) return;
  say(
    `  WARNING: the rounds of ${title} differ by ${Math.round(wide * 100)} %. That is too much for a conclusion.`,
  );
}

function line({ perSecond, routerCpu, workersCpu, p99, moved, failed, elsewhere }) {
  const parts = [
    `${Math.round(perSecond).toLocaleString('en')}/s`.padStart(9),
    `router ${routerCpu.toFixed(3)} s`,
    `workers ${workersCpu.toFixed(3)} s`,
    `p99 ${(p99 / 1000).toFixed(1)} ms`,
  ];
  if (moved > 0) parts.push(`${moved} moved`);
  if (failed > 0) parts.push(`${failed} failed`);
  if (elsewhere > 0.1)
    parts.push(`(${Math.round(elsewhere * 100)} % of the CPU was used by other processes)`);
  return parts.join('  ');
}
