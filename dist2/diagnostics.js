import { channel } from 'node:diagnostics_channel';
const channels = {
    'limpet:slot': channel('limpet:slot'),
    'limpet:refused': channel('limpet:refused'),
    'limpet:diverted': channel('limpet:diverted'),
    'limpet:fault': channel('limpet:fault'),
};
/** Publishes if anybody listens; `payload` is built only then. */
export function publish(name, payload) {
    const target = channels[name];
    if (target.hasSubscribers)
        target.publish(payload());
}
