import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { projectRoot } from './pages.ts';

/** docs/design.md: the section that follows one connection through the files. */
const page = readFileSync(join(projectRoot, 'docs/design.md'), 'utf8');
const section = page.split('\n## One connection, file by file\n')[1]?.split('\n## ')[0] ?? '';

/** A file of the section, and the function, class or method that the page names in it. */
const named = [...section.matchAll(/`([\w./-]+\.(?:ts|cc|h))` `([\w.:#]+)`/g)].map(
  ([, path = '', name = '']) => ({ path, name }),
);

/** The text of a class or an interface, from its head to the closing brace at the start of a line. */
function bodyOf(text: string, owner: string): string {
  const head = new RegExp(
    `^(?:export )?(?:abstract )?(?:class|interface) (?:\\w+::)*${owner}\\b(?!::)[^;]*?\\{$`,
    'm',
  ).exec(text);
  if (!head) return '';
  const body = text.slice(head.index + head[0].length);
  return body.slice(0, body.search(/^\};?$/m));
}

/** Whether a TypeScript file defines a name: `verb`, `Class`, `Class.verb` or `Class.#verb`. */
function isDefinedInTypeScript(text: string, name: string): boolean {
  const [owner = '', member] = name.split('.');
  if (member !== undefined) {
    const before = '^ {2}(?:(?:static|async|override|readonly|get) )*\\*?';
    return new RegExp(`${before}${member}\\??(?:<.*>)?(?:\\(| =|:)`, 'm').test(bodyOf(text, owner));
  }
  const kinds = 'function|class|interface|const|type';
  return new RegExp(`^(?:export )?(?:async )?(?:${kinds}) ${owner}\\b`, 'm').test(text);
}

/** Whether a C++ file defines a name: `Verb`, `Class` or `Class::Verb`, the last also within the class. */
function isDefinedInCpp(text: string, name: string): boolean {
  const [owner = '', member] = name.split('::');
  const type = '(?:[\\w:<>*&,]+ )+[*&]?';
  if (member === undefined) {
    return new RegExp(`^(?:class ${owner}\\b|${type}(?:\\w+::)*${owner}\\()`, 'm').test(text);
  }
  if (new RegExp(`^${type}(?:\\w+::)*${owner}::${member}\\([^;]*\\{`, 'm').test(text)) return true;
  return new RegExp(`^ {2}${type}${member}\\([^;]*\\{`, 'm').test(bodyOf(text, owner));
}

function isDefined(path: string, text: string, name: string): boolean {
  return path.endsWith('.ts') ? isDefinedInTypeScript(text, name) : isDefinedInCpp(text, name);
}

describe('the definitions that the test looks for', () => {
  const typescript = [
    'export class Inbox {',
    '  open(listener: number): void {',
    '    this.close();',
    '  }',
    '  static async make<T>(): Promise<T> {}',
    '  readonly #meet = () => {};',
    '}',
    'function send(): void {}',
  ].join('\n');
  const cpp = [
    'class Inbox::Reader final : public Watched {',
    ' private:',
    '  void Wake() override { Read(); }',
    '  void Stop();',
    '};',
    'Status Inbox::Open(int fd,',
    '                   int flags) {',
    '  Close(fd);',
    '}',
  ].join('\n');

  test.each(['Inbox', 'Inbox.open', 'Inbox.make', 'Inbox.#meet', 'send'])(
    '%s is found in TypeScript',
    (name) => {
      expect(isDefined('inbox.ts', typescript, name)).toBe(true);
    },
  );

  test.each(['Outbox', 'Inbox.close', 'Outbox.open', 'open', 'meet'])(
    '%s is not found in TypeScript',
    (name) => {
      expect(isDefined('inbox.ts', typescript, name)).toBe(false);
    },
  );

  test.each(['Inbox::Open', 'Reader::Wake', 'Open'])('%s is found in C++', (name) => {
    expect(isDefined('inbox.cc', cpp, name)).toBe(true);
  });

  test.each(['Reader::Stop', 'Reader::Read', 'Inbox::Wake', 'Close'])('%s is not found in C++', (name) => {
    expect(isDefined('inbox.cc', cpp, name)).toBe(false);
  });
});

describe('the way of a connection in docs/design.md', () => {
  test.each(['kernel', 'fd', 'ipc'])('handoff %s has its steps', (handoff) => {
    const steps = section.split(`\n### Handoff ${handoff}\n`)[1]?.split('\n### ')[0] ?? '';
    expect(steps.match(/^\d+\. /gm)?.length).toBeGreaterThan(7);
  });

  test('direct ports, the start and the end of the way have their steps', () => {
    for (const heading of [
      'Before the first connection',
      'Direct ports',
      'From the connection sink to the handler',
    ]) {
      expect(section, heading).toContain(`\n### ${heading}\n\n1. `);
    }
  });

  test.each(named)('$path defines $name', ({ path, name }) => {
    expect(existsSync(join(projectRoot, path)), `${path} does not exist`).toBe(true);
    const text = readFileSync(join(projectRoot, path), 'utf8');
    expect(isDefined(path, text, name), `${path} does not define ${name}`).toBe(true);
  });
});
