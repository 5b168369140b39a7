import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** Prints every skipped test and the reason at the end of a run. */
export default class LeftOut implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const byReason = new Map<string, string[]>();
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        const reason = reasonOf(test);
        byReason.set(reason, [...(byReason.get(reason) ?? []), test.fullName]);
      }
    }
    if (byReason.size === 0) return;
    process.on('exit', () => {
      console.log('Left out:');
      for (const [reason, names] of byReason) {
        console.log(`  ${names.length} ${names.length === 1 ? 'test' : 'tests'}: ${reason}`);
        for (const name of names) console.log(`    ${name}`);
      }
    });
  }
}

function reasonOf(test: TestCase): string {
  const result = test.result();
  return (
    (result.state === 'skipped' && result.note) ||
    'no reason given, or a test or hook that it needs has failed'
  );
}
