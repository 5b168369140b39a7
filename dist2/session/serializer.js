// Only a text that names __proto__, or may do so through an escape, pays for the reviver.
const mayNamePrototype = /__proto__|\\u00/i;
const withoutPrototype = (key, value) => (key === '__proto__' ? undefined : value);
/**
 * JSON, as connect-redis writes it. `parse` drops every key `__proto__`, at any depth, so that no later copy or
 * merge of the session can set a prototype, and refuses what is no object.
 */
export const json = {
    stringify: JSON.stringify,
    parse(raw) {
        const value = mayNamePrototype.test(raw) ? JSON.parse(raw, withoutPrototype) : JSON.parse(raw);
        if (typeof value !== 'object' || value === null || Array.isArray(value)) {
            throw new SyntaxError('A session row holds JSON that is no object');
        }
        return value;
    },
};
