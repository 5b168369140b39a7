/** Affinity by the value of a request header. Yields no key when it is absent, empty, or there more than once. */
export function headerRule(name) {
    return { kind: 'header', name: name.toLowerCase() };
}
