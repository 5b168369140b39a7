import { Command } from 'commander';
import { runChecks } from '../doctor/checks.js';
import type { Finding } from '../doctor/machine.js';
import { exitCodes } from '../exit-codes.js';

const marks: Record<Finding['verdict'], string> = { good: 'ok  ', worse: 'note', broken: 'BAD ' };

export const doctor: Command = new Command('doctor')
  .description('Checks what limpet needs on this machine, and prints what was found and what to do.')
  .option('--json', 'print the findings as JSON')
  .addHelpText(
    'after',
    '\nThe exit code is 1 if a finding is BAD. limpet works with a finding that is only a note.',
  )
  .action(({ json }: { json?: boolean }) => {
    const findings = runChecks();
    process.stdout.write(json ? `${JSON.stringify(findings, null, 2)}\n` : findings.map(line).join(''));
    if (findings.some(({ verdict }) => verdict === 'broken')) process.exitCode = exitCodes.failed;
  });

function line({ about, verdict, says, advice }: Finding): string {
  return `${marks[verdict]}  ${about}: ${says}${advice ? `\n      → ${advice}` : ''}\n`;
}
