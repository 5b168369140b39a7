import { subscribe } from 'node:diagnostics_channel';
import type { Router } from '../../cluster/primary/router.js';
import type { BoundAddress } from '../../connection.js';
import type { DiagnosticPayloads } from '../../diagnostics.js';
import { addressText } from '../terminal.js';
import type { Log } from './log.js';

/** Logs every event of the router. */
export function logEvents(router: Router, log: Log): void {
  const draining = new Set<number | undefined>();
  const slotLine = (slot: number, pid: number | undefined, what: string) =>
    `slot ${slot}: worker ${pid} ${what}`;
  router.on('listening', (address) => {
    const found = router.status().listeners.find((each) => same(each.address, address));
    const { name = '', reason = '' } = found?.handoff ?? {};
    log.write('info', `listening on ${addressText(address)}, handoff ${name} (${reason})`, {
      address,
      handoff: name,
    });
  });
  router.on('unbound', ({ message, code }) => log.write('warn', message, { code }));
  router.on('ready', (slot, pid) =>
    log.write('info', slotLine(slot, pid, 'is ready'), { slot, worker: pid }),
  );
  router.on('draining', (slot, pid, reason) => {
    draining.add(pid);
    log.write('info', slotLine(slot, pid, `is draining: ${reason}`), { slot, worker: pid, reason });
  });
  router.on('gone', (slot, pid, reason) => {
    const expected = draining.delete(pid) || router.status().state === 'closing';
    log.write(expected ? 'info' : 'warn', slotLine(slot, pid, `is gone: ${reason}`), {
      slot,
      worker: pid,
      reason,
    });
  });
  router.on('stalled', (slot, pid, stalled) => {
    const what = stalled ? 'sends no heartbeat: fallbacks serve its clients' : 'sends heartbeats again';
    log.write(stalled ? 'warn' : 'info', slotLine(slot, pid, what), { slot, worker: pid, stalled });
  });
  router.on('upgraded', (pid) =>
    log.write('info', `the new primary, process ${pid}, has taken over; this primary drains its workers`, {
      successor: pid,
    }),
  );
  router.on('closed', () => log.write('info', 'stopped'));
  subscribe('limpet:fault', (message) => {
    const { where, error } = message as DiagnosticPayloads['limpet:fault'];
    // The router's event 'error' reports this one.
    if (where === 'router') return;
    log.write('warn', `${where}: ${error instanceof Error ? error.message : error}`, { where });
  });
}

function same(one: BoundAddress | undefined, other: BoundAddress): boolean {
  return one !== undefined && addressText(one) === addressText(other);
}
