import { randomBytes } from 'node:crypto';
import { handoffBinding } from '../../binding/handoff-binding.js';
import { bindingReport } from '../../binding/native.js';
import { makeRuntimeDirectory } from '../../control/runtime-directory.js';
import { steeringRefusal } from '../../handoff/kernel/steering-refusal.js';
import { slotsMax } from '../../options.js';
import { SlotRing } from '../../ring/slot-ring.js';
import {
  checkBacklog,
  checkCores,
  checkDescriptors,
  checkOptmem,
  checkUws,
  type Finding,
} from './machine.js';

/** Runs all checks. Never throws. Binds a free loopback port for a moment. */
export function runChecks(): Finding[] {
  return [
    { about: 'Node.js', verdict: 'good', says: `${process.version} on ${process.platform}-${process.arch}` },
    checkBinding(),
    checkKernel(),
    checkControl(),
    checkCores(),
    checkDescriptors(),
    ...checkBacklog(),
    ...checkOptmem(),
    checkUws(),
  ];
}

function checkControl(): Finding {
  const about = 'control socket';
  try {
    return { about, verdict: 'good', says: `its directory is ${makeRuntimeDirectory()}` };
  } catch (error) {
    return {
      about,
      verdict: 'worse',
      says: `cannot be opened: ${(error as Error).message}`,
      advice: 'a router works without it, but "limpet status" and the other commands cannot reach the router',
    };
  }
}

function checkBinding(): Finding {
  const { kind, reason, path } = bindingReport();
  switch (kind) {
    case 'native':
      return { about: 'binding', verdict: 'good', says: `the native addon, ${path}` };
    case 'twin':
      return {
        about: 'binding',
        verdict: 'worse',
        says: `the TypeScript implementation, because ${reason}. It gives the same slots but is slower, and the only handoff is ipc`,
        advice:
          process.env.LIMPET_BINDING === 'twin'
            ? 'unset LIMPET_BINDING to use the native addon'
            : 'install a C++20 compiler, make and Python, then run "npm rebuild limpet"',
      };
    case 'failed':
      return { about: 'binding', verdict: 'broken', says: reason };
  }
}

/** Opens a SO_REUSEPORT group with the largest program that a ring of 1,024 buckets can have. */
function checkKernel(): Finding {
  const about = 'kernel handoff';
  const binding = bindingReport().kind === 'native' ? handoffBinding() : null;
  if (!binding) return { about, verdict: 'worse', says: 'not available without the native addon' };
  const ring = new SlotRing({ slots: slotsMax, key: randomBytes(8) });
  const table = { key: ring.key, ipv6Prefix: ring.ipv6Prefix, homes: ring.homeTable() };
  try {
    new binding.ReuseportGroup({ host: '127.0.0.1', port: 0, ipv6Only: false }, slotsMax, 1, table).close();
  } catch (error) {
    return {
      about,
      verdict: 'worse',
      says: `not available: ${steeringRefusal(error as NodeJS.ErrnoException)}`,
    };
  }
  return { about, verdict: 'good', says: 'the kernel accepts the steering program' };
}
