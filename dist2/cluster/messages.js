const cmd = 'NODE_LIMPET';
/** Hands every limpet message that arrives on `channel` to `take`. `handle`, if any, is then the taker's. */
export function receive(channel, take) {
    channel.on('internalMessage', (message, handle) => {
        const envelope = message;
        if (envelope?.cmd === cmd && envelope.limpet !== undefined)
            take(envelope.limpet, handle);
    });
}
/** False, and nothing else, when the channel is closed. `handle` stays the caller's. */
export function send(target, message, handle) {
    const sender = target;
    if (!sender.connected || !sender.send)
        return false;
    sender.send({ cmd, limpet: message }, handle, undefined, ignoreClosed);
    return true;
}
// The channel may close between the check and the write; the exit event is what tells of it.
function ignoreClosed() { }
