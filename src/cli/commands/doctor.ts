import { Command } from 'commander';
import { examine } from '../doctor/checks.js';
import type { Finding } from '../doctor/machine.js';
import { exitCodes } from '../exit-codes.js';

const marks: Record<Finding['verdict'], string> = { good: 'ok  ', worse: 'note', broken: 'BAD ' };

export const doctor: Command = new Command('doctor')
  .description('Says what limpet finds on this machine, and what to do about it.')
  .option('--json', 'the findings as JSON')
  .addHelpText('after', '\nExits with 1 when something is broken; limpet works with what is only noted.')
  .action(({ json }: { json?: boolean }) => {
    const findings = examine();
    process.stdout.write(json ? `${JSON.stringify(findings, null, 2)}\n` : findings.map(line).join(''));
    if (findings.some(({ verdict }) => verdict === 'broken')) process.exitCode = exitCodes.failed;
  });

function line({ about, verdict, says, advice }: Finding): string {
  return `${marks[verdict]}  ${about}: ${says}${advice ? `\n      → ${advice}` : ''}\n`;
}
