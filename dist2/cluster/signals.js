import { publish } from '../diagnostics.js';
/**
 * SIGTERM and SIGINT close the router; a second one ends it at once. The process then exits, unless the app has a handler of its
 * own for the signal, which then decides. SIGHUP reloads; what it could not reload is published as a fault. Returns what takes
 * the handlers away.
 */
export function handleSignals(router) {
    let asked = false;
    const numbers = { SIGINT: 2, SIGTERM: 15 };
    const handlers = Object.keys(numbers).map((signal) => {
        const handler = () => {
            const alone = process.listenerCount(signal) <= 1;
            if (asked) {
                router.kill(signal);
                if (alone)
                    process.exit(128 + numbers[signal]);
                return;
            }
            asked = true;
            router.close(signal).then(() => {
                if (alone)
                    process.exit(0);
            });
        };
        process.on(signal, handler);
        return () => process.off(signal, handler);
    });
    const onHangup = () => {
        router.reload().catch((error) => publish('limpet:fault', () => ({ where: 'reload', error })));
    };
    process.on('SIGHUP', onHangup);
    return () => {
        process.off('SIGHUP', onHangup);
        for (const off of handlers)
            off();
    };
}
