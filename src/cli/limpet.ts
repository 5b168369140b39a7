#!/usr/bin/env node
import { Command } from 'commander';
import { examine, type Finding } from './doctor.js';

const marks: Record<Finding['verdict'], string> = { good: 'ok  ', worse: 'note', broken: 'BAD ' };

const program = new Command('limpet').description(
  'Sticky sessions for Node.js: what the command line can do so far.',
);

program
  .command('doctor')
  .description('say what limpet finds on this machine, and what to do about it')
  .option('--json', 'print the findings as JSON')
  .addHelpText('after', '\nExits with 1 when something is broken; limpet works with what is only noted.')
  .action(({ json }: { json?: boolean }) => {
    const findings = examine();
    process.stdout.write(json ? `${JSON.stringify(findings, null, 2)}\n` : findings.map(line).join(''));
    if (findings.some(({ verdict }) => verdict === 'broken')) process.exitCode = 1;
  });

program.parse();

function line({ about, verdict, says, advice }: Finding): string {
  return `${marks[verdict]}  ${about}: ${says}${advice ? `\n      → ${advice}` : ''}\n`;
}
