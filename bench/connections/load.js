import { spawn } from 'node:child_process';
import { tool } from '../prepare.js';
import { withDescriptors } from './descriptors.js';
import { prefer } from './processes.js';

/**
 * Runs the load client until it exits.
 * @param {number} port
 * @param {Record<string, string | number | true>} options the client's options, as in its options.h
 * @param {(held: number) => Promise<void> | void} [whileHeld] with `hold`: called when all connections are open
 * @returns {Promise<object>} what the client prints
 */
export async function load(port, options, whileHeld) {
  const args = Object.entries({ port, ...options }).flatMap(([name, value]) =>
    value === true ? [`--${name}`] : [`--${name}`, String(value)],
  );
  const [file, ...words] = withDescriptors([tool('load-client'), ...args]);
  const client = spawn(file, words, { detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
  prefer(client.pid);
  let printed = '';
  for await (const text of client.stdout.setEncoding('utf8')) {
    printed += text;
    const held = /^\{"held":(\d+)\}\n$/.exec(printed);
    if (!held) continue;
    printed = '';
    await whileHeld?.(Number(held[1]));
    client.stdin.end();
  }
  if (printed === '')
    throw new Error(`the load client exited without a result, expected JSON on stdout: ${args.join(' ')}`);
  return JSON.parse(printed);
}
