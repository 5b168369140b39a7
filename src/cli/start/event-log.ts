import { subscribe } from 'node:diagnostics_channel';
import type { Router } from '../../cluster/primary/router.js';
import type { BoundAddress } from '../../connection.js';
import type { DiagnosticPayloads } from '../../diagnostics.js';
import { addressText } from '../address-text.js';
import type { Log } from './log.js';

/** From now on tells the log what befalls the router. */
export function tellNews(router: Router, log: Log): void {
  const draining = new Set<number | undefined>();
  const slotLine = (slot: number, pid: number | undefined, what: string) =>
    `slot ${slot}: process ${pid} ${what}`;
  router.on('listening', (address) => {
    const found = router.status().listeners.find((each) => same(each.address, address));
    const { name = '', reason = '' } = found?.handoff ?? {};
    log.say('info', `listening on ${addressText(address)}, handoff ${name} (${reason})`, {
      address,
      handoff: name,
    });
  });
  router.on('unbound', ({ message, code }) => log.say('warn', message, { code }));
  router.on('ready', (slot, pid) => log.say('info', slotLine(slot, pid, 'serves'), { slot, worker: pid }));
  router.on('draining', (slot, pid, reason) => {
    draining.add(pid);
    log.say('info', slotLine(slot, pid, `finishes what it has: ${reason}`), { slot, worker: pid, reason });
  });
  router.on('gone', (slot, pid, reason) => {
    const asked = draining.delete(pid) || router.status().state === 'closing';
    log.say(asked ? 'info' : 'warn', slotLine(slot, pid, `is gone: ${reason}`), {
      slot,
      worker: pid,
      reason,
    });
  });
  router.on('stalled', (slot, pid, stalled) => {
    const what = stalled ? 'gives no sign of life: fallbacks serve its clients' : 'is back';
    log.say(stalled ? 'warn' : 'info', slotLine(slot, pid, what), { slot, worker: pid, stalled });
  });
  router.on('upgraded', (pid) =>
    log.say('info', `process ${pid} has taken over; this one finishes what it has`, { successor: pid }),
  );
  router.on('closed', () => log.say('info', 'stopped'));
  subscribe('limpet:fault', (message) => {
    const { where, error } = message as DiagnosticPayloads['limpet:fault'];
    // That is told as the router's own error.
    if (where === 'router') return;
    log.say('warn', `${where}: ${error instanceof Error ? error.message : error}`, { where });
  });
}

function same(one: BoundAddress | undefined, other: BoundAddress): boolean {
  return one !== undefined && addressText(one) === addressText(other);
}
