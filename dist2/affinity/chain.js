import { LimpetError } from '../errors.js';
import { affinityNames, unknownOption, } from '../options.js';
import { addressRule } from './address.js';
import { affinityCookieRule, HOUR_MS, namedCookieRule } from './cookie.js';
import { forwardedRule } from './forwarded.js';
import { headerRule } from './header.js';
import { noProxyHeader, proxyHeaderPolicy, proxyProtocolRule } from './proxy-protocol.js';
import { queryRule } from './query.js';
import { socketIoRule } from './socket-io.js';
const OPTIONS_OF = {
    address: [],
    'proxy-protocol': ['trust', 'optional'],
    forwarded: ['trust', 'header'],
    cookie: ['name', 'maxAgeMs', 'path', 'domain', 'httpOnly', 'secure', 'sameSite', 'maxAge'],
    'socket.io': [],
};
const KEYED = ['header', 'query', 'cookie'];
/**
 * The rules in the order given, ending with `address`.
 * @throws LimpetError ERR_LIMPET_OPTION when `affinity` or `trust` is not what it should be.
 */
export function compileAffinity(settings) {
    const given = checkedRules(settings.affinity);
    const rules = given.map((rule) => compileRule(rule, settings));
    const proxied = given.find((rule) => 'by' in rule && rule.by === 'proxy-protocol');
    const cookie = given.find((rule) => 'by' in rule && rule.by === 'cookie');
    const seal = sealOf(cookie, settings);
    return {
        chain: {
            rules,
            proxyHeader: proxied
                ? proxyHeaderPolicy(withDefaults(proxied, settings), settings.keepProxyHeader)
                : noProxyHeader,
            cookie: seal,
            sidKey: settings.sidKey,
            headBytesMax: settings.headBytes,
        },
        labels: given.map(labelOf),
        peeks: rules.some(({ kind }) => kind !== 'address'),
        readsHead: rules.some(({ kind }) => kind !== 'address' && kind !== 'proxy-protocol'),
        cookie: cookie === undefined ? undefined : { seal, attributes: attributesOf(cookie) },
    };
}
/** The rules in words, such as `cookie, header x-user, address`. @throws LimpetError ERR_LIMPET_OPTION as above. */
export function describeAffinity(affinity) {
    return checkedRules(affinity).map(labelOf).join(', ');
}
/** Up to the first `address`, which always yields; one is added where there is none. */
function checkedRules(affinity) {
    const given = (Array.isArray(affinity) ? affinity : [affinity]);
    if (given.length === 0)
        throw badRule(given, 'at least one rule');
    const rules = [...given, 'address'].map(checkRule);
    const end = rules.findIndex((rule) => 'by' in rule && rule.by === 'address');
    return rules.slice(0, end + 1);
}
function checkRule(rule) {
    if (typeof rule === 'string') {
        if (!affinityNames.includes(rule))
            throw unknownOption(rule, affinityNames, 'affinity');
        return { by: rule };
    }
    if (typeof rule !== 'object' || rule === null)
        throw badRule(rule, 'a name or an object');
    const { by, ...options } = rule;
    if (by === undefined) {
        const [key, ...others] = Object.keys(options);
        const value = options[key ?? ''];
        const keyed = KEYED.includes(key);
        if (!keyed || others.length > 0)
            throw badRule(rule, '{ header }, { query }, { cookie } or { by, … }');
        if (typeof value !== 'string' || !/^[!-~]+$/.test(value))
            throw badRule(rule, `the name of a ${key}`);
        return rule;
    }
    if (!affinityNames.includes(by))
        throw unknownOption(`${by}`, affinityNames, 'affinity');
    const known = OPTIONS_OF[by];
    for (const name of Object.keys(options)) {
        if (!known.includes(name))
            throw unknownOption(name, known, `option of affinity ${by}`);
    }
    return rule;
}
function compileRule(rule, settings) {
    if ('header' in rule && !('by' in rule))
        return headerRule(rule.header);
    if ('query' in rule)
        return queryRule(rule.query);
    if (!('by' in rule))
        return namedCookieRule(rule.cookie);
    switch (rule.by) {
        case 'address':
            return addressRule;
        case 'proxy-protocol':
            return proxyProtocolRule;
        case 'forwarded':
            return forwardedRule(rule, settings.trust);
        case 'cookie':
            return affinityCookieRule;
        case 'socket.io':
            return socketIoRule;
    }
}
function labelOf(rule) {
    if ('by' in rule)
        return rule.by;
    const [[kind, name] = []] = Object.entries(rule);
    return `${kind} ${name}`;
}
function withDefaults(rule, settings) {
    return {
        by: 'proxy-protocol',
        trust: rule.trust ?? settings.trust,
        optional: rule.optional ?? settings.proxyProtocol === 'optional',
    };
}
function sealOf(rule, settings) {
    const name = rule?.name ?? 'limpet';
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name))
        throw badRule(rule, 'a cookie name without blanks or separators');
    return {
        name,
        node: settings.node,
        key: settings.cookieKey,
        hoursMax: Math.ceil((rule?.maxAgeMs ?? settings.cookieMaxAgeMs) / HOUR_MS),
    };
}
function attributesOf({ by, name, maxAgeMs, ...attributes }) {
    return attributes;
}
function badRule(rule, expected) {
    return new LimpetError('ERR_LIMPET_OPTION', `option affinity: got ${JSON.stringify(rule)}, expected ${expected}. Names are ${affinityNames.join(', ')}.`, { option: 'affinity', value: rule, expected });
}
