/** Compares the native and the TypeScript implementation of each call. limpet uses the faster one. */
import { bindingReport, native } from '../../dist/binding/native.js';
import { typescriptRing } from '../../dist/binding/typescript/ring-calls.js';
import { measure } from './measure.js';

const key = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7);

/**
 * @param {import('../parts.js').Run} run
 * @returns {import('./measure.js').Row[]} empty if there is no native addon
 */
export function measureEngines(run) {
  const ring = native()?.ring;
  if (ring === undefined) {
    run.say(`did not measure the native addon: ${bindingReport().reason}`);
    return [];
  }
  const both = (task, call) =>
    measure(run, task, { native: () => call(ring), twin: () => call(typescriptRing) });
  const weights = new Float64Array(8).fill(1);
  const homes = typescriptRing.buildHomes(weights, 1024);
  const owners = new Uint16Array(1024);
  const down = Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0);
  const quads = Uint32Array.from({ length: 64 }, (_, i) => Math.imul(i, 0x9e3779b1));
  return [
    ...[8, 64, 128, 192, 256, 1024].flatMap((size) => {
      const bytes = new Uint8Array(size).fill(7);
      return both(`hash ${size} bytes`, (engine) => engine.hash32(key, bytes));
    }),
    ...both('the key of 203.0.113.7', (engine) => engine.addressKey('203.0.113.7', 64)),
    ...both('64 IPv4 addresses at once', (engine) => engine.ownersOfIpv4(key, homes, quads, owners)),
    ...both('build a ring of 8 slots', (engine) => engine.buildHomes(weights, 1024)),
    ...both('one of 8 slots goes down', (engine) => engine.assignOwners(homes, weights, down, owners)),
  ];
}
