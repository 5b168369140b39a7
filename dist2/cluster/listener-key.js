/**
 * Names a listener the same in the primary and in every worker: by its address, and for port 0 also by its turn, since each
 * listen on port 0 means a port of its own.
 */
export class ListenerKeys {
    #turns = new Map();
    of(address) {
        if ('path' in address)
            return address.path;
        const name = `${address.host ?? ''}:${address.port}:${address.ipv6Only}`;
        if (address.port !== 0)
            return name;
        const turn = this.#turns.get(name) ?? 0;
        this.#turns.set(name, turn + 1);
        return `${name}#${turn}`;
    }
}
