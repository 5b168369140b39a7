import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { markVersionNeedWeak } from './elf.ts';

const packageFolder = fileURLToPath(new URL('../../node_modules/uWebSockets.js', import.meta.url));
const copyFolder = fileURLToPath(new URL('../../node_modules/.cache/uws-older-glibc', import.meta.url));

/** glibc's newer names of three C functions, which the binary asks for, made of the older ones. */
const shim = `#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
long __isoc23_strtol(const char *text, char **end, int base) { return strtol(text, end, base); }
unsigned long __isoc23_strtoul(const char *text, char **end, int base) { return strtoul(text, end, base); }
int __isoc23_sscanf(const char *text, const char *format, ...) {
  va_list list;
  va_start(list, format);
  int count = vsscanf(text, format, list);
  va_end(list);
  return count;
}
`;

/**
 * The environment in which a fixture's `import uWS from 'uWebSockets.js'` works on this system. Development's binary
 * asks for glibc 2.38; on an older Linux a patched copy of it, made here and never committed, is loaded instead.
 */
export function uwsEnvironment(): Record<string, string> {
  if (process.platform !== 'linux' || glibcMinor() >= 38) return {};
  const library = join(copyFolder, 'shim.so');
  if (!existsSync(library)) makeCopy(library);
  const redirect = `data:text/javascript,${encodeURIComponent(redirection())}`;
  return { LD_PRELOAD: library, NODE_OPTIONS: `--import=${redirect}` };
}

/** Two for glibc 2.2, thirty-six for 2.36; Infinity where there is no glibc. */
function glibcMinor(): number {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return Number(header.glibcVersionRuntime?.split('.')[1] ?? Number.POSITIVE_INFINITY);
}

function makeCopy(library: string): void {
  mkdirSync(copyFolder, { recursive: true });
  for (const name of readdirSync(packageFolder)) {
    if (name.endsWith('.node')) {
      if (!name.startsWith(`uws_linux_${process.arch}_`)) continue;
      const binary = readFileSync(join(packageFolder, name));
      markVersionNeedWeak(binary, 'GLIBC_2.38');
      writeFileSync(join(copyFolder, name), binary);
    } else copyFileSync(join(packageFolder, name), join(copyFolder, name));
  }
  const source = join(copyFolder, 'shim.c');
  writeFileSync(source, shim);
  execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-o', library, source], { cwd: dirname(source) });
}

function redirection(): string {
  const target = pathToFileURL(join(copyFolder, 'ESM_wrapper.mjs')).href;
  const hook = `export const resolve = (specifier, context, next) =>
    specifier === 'uWebSockets.js' ? { url: '${target}', shortCircuit: true } : next(specifier, context);`;
  return `import { register } from 'node:module';
    register('data:text/javascript,${encodeURIComponent(hook).replaceAll("'", '%27')}');`;
}
