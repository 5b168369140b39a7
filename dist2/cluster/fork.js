import cluster, {} from 'node:cluster';
export const seatPassVariable = 'LIMPET_SEAT';
/**
 * Forks through Node's cluster, so that whatever knows `cluster` knows our workers. `inherit` are descriptors that the worker
 * gets after its standard ones; they stay open here. The app's own cluster settings are put back. Throws what fork throws.
 */
export function forkWorker(options, slot, row, inherit) {
    const before = { ...cluster.settings };
    const stdio = standardStreams(before);
    const pass = {
        row,
        drainTimeoutMs: options.drainTimeoutMs,
        beatMs: beatMs(options.stallTimeoutMs),
        signals: options.signals,
        inherited: { from: stdio.length, count: inherit.length },
    };
    cluster.setupPrimary({
        ...(options.exec === undefined ? {} : { exec: options.exec }),
        ...(options.args === undefined ? {} : { args: [...options.args] }),
        ...(options.execArgv === undefined ? {} : { execArgv: [...options.execArgv] }),
        ...(inherit.length === 0 ? {} : { stdio: [...stdio, ...inherit] }),
    });
    try {
        return cluster.fork({
            ...options.env,
            LIMPET_SLOT: String(slot),
            [seatPassVariable]: JSON.stringify(pass),
        });
    }
    finally {
        cluster.setupPrimary({ args: process.argv.slice(2), ...before, stdio: before.stdio });
    }
}
/** Five signs of life within the time that would be a stall, at most one a second asked of a worker that has time. */
function beatMs(stallTimeoutMs) {
    return stallTimeoutMs === 0 ? 1000 : Math.min(1000, Math.max(20, Math.floor(stallTimeoutMs / 5)));
}
function standardStreams(settings) {
    if (Array.isArray(settings.stdio))
        return settings.stdio;
    const each = typeof settings.stdio === 'string' ? settings.stdio : settings.silent ? 'pipe' : 'inherit';
    return [each, each, each, 'ipc'];
}
