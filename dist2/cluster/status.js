import { describeAffinity } from '../affinity/chain.js';
import { bindingReport } from '../binding/native.js';
/** What the router is and does, from what the primary knows: no worker is asked. */
export function statusOf(parts) {
    const { options, ring, counters, handoffs, listeners, slots } = parts;
    const shares = ring.shares();
    const handedTo = ({ number }) => counters.of(number).handed + (handoffs.counts(number)?.accepted ?? 0);
    const handedInAll = slots.reduce((sum, slot) => sum + handedTo(slot), 0);
    return {
        pid: process.pid,
        state: parts.state,
        uptimeMs: Date.now() - parts.startedAt,
        affinity: describeAffinity(options.affinity),
        handoff: listeners[0]?.choice,
        binding: bindingReport(),
        ring: { buckets: options.buckets, slots: ring.size },
        listeners: listeners.map(({ bound, choice }) => ({ address: bound, handoff: choice })),
        slots: slots
            .filter(({ retired, leaving }) => !retired || leaving.size > 0)
            .map((slot) => {
            const { diverted, refused } = counters.of(slot.number);
            const native = handoffs.counts(slot.number);
            const handed = handedTo(slot);
            return {
                slot: slot.number,
                ...processStatus(slot.current),
                down: slot.number >= ring.size || ring.isDown(slot.number),
                leaving: [...slot.leaving].map(processStatus),
                restarts: slot.respawn.count,
                lastRestarts: [...slot.respawn.restarts],
                share: shares[slot.number] ?? 0,
                realShare: handedInAll === 0 ? 0 : handed / handedInAll,
                handed,
                diverted: diverted + (native?.diverted ?? 0),
                missteered: native?.missteered ?? 0,
                lost: native?.lost ?? 0,
                queued: listeners.reduce((sum, { handoff }) => sum + handoff.queued(slot.number), 0),
                refused: native?.refused ? { ...refused, 'queue full': native.refused } : { ...refused },
            };
        }),
    };
}
function processStatus(occupant) {
    return {
        pid: occupant?.pid,
        state: occupant?.life.state ?? 'gone',
        reason: occupant?.life.reason ?? 'nobody is in the slot',
        since: occupant?.life.since ?? 0,
        uptimeMs: occupant ? Date.now() - occupant.life.startedAt : 0,
        stalled: occupant?.stalled ?? false,
        open: occupant?.vitals?.open ?? 0,
        lagMs: occupant?.vitals?.lagMs ?? 0,
        rssBytes: occupant?.vitals?.rssBytes ?? 0,
    };
}
