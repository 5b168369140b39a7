import { randomBytes } from 'node:crypto';
import { handoffBinding } from '../../binding/handoff-binding.js';
import { bindingReport } from '../../binding/native.js';
import { makeRuntimeDirectory } from '../../control/runtime-directory.js';
import { steeringRefusal } from '../../handoff/kernel/steering-refusal.js';
import { slotsMax } from '../../options.js';
import { SlotRing } from '../../ring/slot-ring.js';
import {
  examineBacklog,
  examineCores,
  examineDescriptors,
  examineOptmem,
  examineUws,
  type Finding,
} from './machine.js';

/** What limpet finds on this machine, and what to do about it. Binds a free loopback port for a moment; never throws. */
export function examine(): Finding[] {
  return [
    { about: 'Node.js', verdict: 'good', says: `${process.version} on ${process.platform}-${process.arch}` },
    examineBinding(),
    examineKernel(),
    examineControl(),
    examineCores(),
    examineDescriptors(),
    ...examineBacklog(),
    ...examineOptmem(),
    examineUws(),
  ];
}

function examineControl(): Finding {
  const about = 'control socket';
  try {
    return { about, verdict: 'good', says: `in ${makeRuntimeDirectory()}` };
  } catch (error) {
    return {
      about,
      verdict: 'worse',
      says: `none: ${(error as Error).message}`,
      advice: 'without one a router serves, but "limpet status" and the like cannot reach it',
    };
  }
}

function examineBinding(): Finding {
  const { kind, reason, path } = bindingReport();
  switch (kind) {
    case 'native':
      return { about: 'binding', verdict: 'good', says: `the native addon, ${path}` };
    case 'twin':
      return {
        about: 'binding',
        verdict: 'worse',
        says: `the TypeScript twin: ${reason}. Same slots for the same clients, slower; connections go by ipc`,
        advice:
          process.env.LIMPET_BINDING === 'twin'
            ? 'unset LIMPET_BINDING to have the addon'
            : 'with a C++20 compiler, make and Python at hand, run "npm rebuild limpet"',
      };
    case 'failed':
      return { about: 'binding', verdict: 'broken', says: reason };
  }
}

/** Opens a real group with the largest program that 1,024 buckets make. */
function examineKernel(): Finding {
  const about = 'kernel handoff';
  const binding = bindingReport().kind === 'native' ? handoffBinding() : null;
  if (!binding) return { about, verdict: 'worse', says: 'not without the native addon' };
  const ring = new SlotRing({ slots: slotsMax, key: randomBytes(8) });
  const table = { key: ring.key, ipv6Prefix: ring.ipv6Prefix, homes: ring.homeTable() };
  try {
    new binding.ReuseportGroup({ host: '127.0.0.1', port: 0, ipv6Only: false }, slotsMax, 1, table).close();
  } catch (error) {
    return { about, verdict: 'worse', says: `not here: ${steeringRefusal(error as NodeJS.ErrnoException)}` };
  }
  return { about, verdict: 'good', says: 'the kernel takes the steering program' };
}
