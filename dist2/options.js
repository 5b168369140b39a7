import { availableParallelism } from 'node:os';
import { LimpetError } from './errors.js';
/** Most slots a router can have: the steering program and the sid carry a slot in eight bits. */
export const slotsMax = 256;
export const affinityNames = ['address', 'proxy-protocol', 'forwarded', 'cookie', 'socket.io'];
export const integer = (from, to, fallback, unit = '') => ({
    expected: `a whole number from ${from} to ${to}${unit}`,
    ok: (v) => Number.isInteger(v) && v >= from && v <= to,
    fallback,
});
export const oneOf = (values, fallback) => ({
    expected: `one of ${values.map((v) => JSON.stringify(v)).join(', ')}`,
    ok: (v) => values.includes(v),
    fallback,
});
export const text = {
    expected: 'a text that is not empty',
    ok: (v) => typeof v === 'string' && v !== '',
};
const texts = {
    expected: 'a list of texts',
    ok: (v) => Array.isArray(v) && v.every((item) => typeof item === 'string'),
};
export const yesOrNo = (fallback) => ({
    expected: 'true or false',
    ok: (v) => typeof v === 'boolean',
    fallback,
});
export const milliseconds = (fallback) => integer(0, 86_400_000, fallback, ' (milliseconds)');
const routerRules = {
    workers: {
        expected: `a whole number from 1 to ${slotsMax}, or 'max' for one on each core`,
        ok: (v) => v === 'max' || (Number.isInteger(v) && v >= 1 && v <= slotsMax),
        fallback: 'max',
    },
    env: {
        expected: 'an object of texts',
        ok: (v) => typeof v === 'object' &&
            v !== null &&
            Object.values(v).every((x) => ['string', 'undefined'].includes(typeof x)),
        fallback: {},
    },
    exec: text,
    args: texts,
    execArgv: texts,
    secret: {
        expected: 'a text of at least 16 bytes',
        ok: (v) => typeof v === 'string' && Buffer.byteLength(v) >= 16,
    },
    handoff: oneOf(['auto', 'kernel', 'fd', 'ipc'], 'auto'),
    // Checked rule by rule where it is compiled.
    affinity: { expected: 'a rule or a list of rules', ok: () => true, fallback: 'address' },
    trust: {
        expected: 'a text or a list of texts',
        ok: (v) => typeof v === 'string' || texts.ok(v),
        fallback: [],
    },
    proxyProtocol: oneOf(['required', 'optional'], 'required'),
    cookieMaxAgeMs: integer(1, 31_536_000_000, 604_800_000, ' (milliseconds)'),
    node: text,
    headBytes: integer(1024, 32_768, 16_384, ' (bytes)'),
    headTimeoutMs: integer(1, 86_400_000, 5000, ' (milliseconds)'),
    pendingMax: integer(1, 1_000_000, 10_000),
    pendingPerAddressMax: integer(1, 1_000_000, 1000),
    buckets: {
        expected: 'a power of two from 64 to 65536',
        ok: (v) => Number.isInteger(v) &&
            v >= 64 &&
            v <= 65536 &&
            (v & (v - 1)) === 0,
        fallback: 1024,
    },
    ipv6Prefix: oneOf([32, 48, 56, 64], 64),
    respawnGraceMs: milliseconds(1000),
    readyTimeoutMs: milliseconds(30_000),
    drainTimeoutMs: milliseconds(30_000),
    stallTimeoutMs: milliseconds(10_000),
    stallKillMs: milliseconds(0),
    queueMax: integer(1, 1_000_000, 10_000),
    signals: yesOrNo(true),
};
const listenRules = {
    port: {
        expected: 'a port from 0 to 65535',
        ok: (v) => Number.isInteger(v) && v >= 0 && v <= 65535,
    },
    host: text,
    path: text,
    backlog: integer(1, 65_535, 4096),
    ipv6Only: yesOrNo(false),
};
/** Options with defaults filled in. Throws ERR_LIMPET_OPTION, naming the option, what it got and what it expects. */
export function checkRouterOptions(options) {
    const given = { ...options, secret: options.secret ?? (process.env.LIMPET_SECRET || undefined) };
    const checked = check(given, routerRules, 'option');
    const workers = checked.workers === 'max' ? availableParallelism() : checked.workers;
    const atMost = Math.min(workers, slotsMax);
    if (atMost > checked.buckets / 2) {
        throw new LimpetError('ERR_LIMPET_OPTION', `option buckets: ${checked.buckets} is too few for ${atMost} workers, expected at least ${atMost * 2}. Raise buckets.`, { option: 'buckets', value: checked.buckets, workers: atMost });
    }
    return { ...checked, workers: atMost };
}
/** The address of a `listen()`, complete. Throws ERR_LIMPET_OPTION. */
export function checkListenOptions(where) {
    const given = typeof where === 'object' && where !== null ? where : toAddress(where);
    const checked = check({ ...given }, listenRules, 'listen option');
    if (checked.path === undefined && checked.port === undefined) {
        throw new LimpetError('ERR_LIMPET_OPTION', 'listen() needs a port or a path, got neither. Give listen(server, 3000).', {
            option: 'port',
        });
    }
    if (checked.path !== undefined && checked.port !== undefined) {
        throw new LimpetError('ERR_LIMPET_OPTION', 'listen() got a port and a path, expected one of them. Leave one out.', {
            option: 'path',
        });
    }
    return checked;
}
function toAddress(where) {
    if (typeof where === 'string' && where !== '' && !/^\d+$/.test(where))
        return { path: where };
    return { port: typeof where === 'string' && where !== '' ? Number(where) : where };
}
/** The given options, with defaults for those left out. Throws ERR_LIMPET_OPTION for an unknown or a wrong one. */
export function check(given, rules, what) {
    for (const name of Object.keys(given))
        if (!(name in rules))
            throw unknownOption(name, Object.keys(rules), what);
    const checked = {};
    for (const [name, rule] of Object.entries(rules)) {
        const value = given[name];
        if (value !== undefined && !rule.ok(value))
            throw badOption(name, value, rule, what);
        checked[name] = value ?? rule.fallback;
    }
    return checked;
}
/** An error that names what was probably meant. */
export function unknownOption(name, known, what) {
    const likely = known
        .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
        .sort((a, b) => a.distance - b.distance)[0];
    const spelling = likely && likely.distance <= Math.max(2, name.length / 3)
        ? `Did you mean ${likely.candidate}?`
        : `Known are ${known.join(', ')}.`;
    return new LimpetError('ERR_LIMPET_OPTION', `${what} ${name} is not known. ${spelling}`, {
        option: name,
        likely: likely?.candidate,
    });
}
function badOption(name, value, rule, what) {
    const shown = name === 'secret' ? 'a text that is too short or no text' : (JSON.stringify(value) ?? String(value));
    return new LimpetError('ERR_LIMPET_OPTION', `${what} ${name}: got ${shown}, expected ${rule.expected}.`, {
        option: name,
        ...(name === 'secret' ? {} : { value }),
        expected: rule.expected,
    });
}
/** Levenshtein distance over one row; names are short. */
function editDistance(a, b) {
    let row = Array.from({ length: b.length + 1 }, (_, i) => i);
    for (let i = 1; i <= a.length; i++) {
        const next = [i];
        for (let j = 1; j <= b.length; j++) {
            const swap = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
            next.push(Math.min(swap, row[j] + 1, next[j - 1] + 1));
        }
        row = next;
    }
    return row[b.length];
}
