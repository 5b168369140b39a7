/**
 * node --import ./scripts/uws-on-old-glibc.js app.js: lets the uWebSockets.js of our devDependencies load where the C library is
 * older than 2.38, so that the tests run there. For tests only; where the binary loads by itself, nothing happens.
 *
 * All that the binary wants of GLIBC_2.38 are three functions that C23 renamed. It is loaded from a copy in which that version is
 * wanted weakly (Vernaux.vna_flags, LSB core specification, "Version requirements"), after a library that has the three.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import Module from 'node:module';
import { constants } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../build/uws-on-old-glibc/', import.meta.url));
const version = 'GLIBC_2.38';

/** The C23 names do what the older ones did, save for binary literals. */
const threeFunctions = `
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
long __isoc23_strtol(const char *text, char **end, int base) { return strtol(text, end, base); }
unsigned long __isoc23_strtoul(const char *text, char **end, int base) { return strtoul(text, end, base); }
int __isoc23_sscanf(const char *text, const char *format, ...) {
  va_list values;
  va_start(values, format);
  int count = vsscanf(text, format, values);
  va_end(values);
  return count;
}
`;

const load = Module._extensions['.node'];
Module._extensions['.node'] = (module, path) => {
  try {
    return load(module, path);
  } catch (error) {
    if (!/uws_linux_/.test(path) || !error.message.includes(version)) throw error;
    openForAll(made('c23.so', compile));
    const name = `${Math.floor(statSync(path).mtimeMs)}-${basename(path)}`;
    const copy = made(name, (own) => writeFileSync(own, wantWeakly(readFileSync(path))));
    return load(module, copy);
  }
};

/** The file, made first if need be; processes that start at the same time do not see it half made. */
function made(name, make) {
  const path = join(folder, name);
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true });
    const own = `${path}.${process.pid}`;
    make(own);
    renameSync(own, path);
  }
  return path;
}

function compile(path) {
  const words = ['-shared', '-fPIC', '-O1', '-Wl,-z,nodelete', '-x', 'c', '-', '-o', path];
  const { status, stderr, error } = spawnSync('cc', words, { input: threeFunctions });
  if (status !== 0) throw new Error(`cc made no ${path}: ${error ?? stderr}`);
}

/** Node takes it for a broken addon and says so; with nodelete, the library stays. */
function openForAll(path) {
  try {
    process.dlopen({ exports: {} }, path, constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL);
  } catch {}
}

/** Marks the version as weak wherever a little-endian ELF64 file wants it. */
function wantWeakly(file) {
  const sections = Number(file.readBigUInt64LE(0x28));
  const [size, count] = [file.readUInt16LE(0x3a), file.readUInt16LE(0x3c)];
  const section = (index) => {
    const at = sections + index * size;
    const number = (offset) => Number(file.readBigUInt64LE(at + offset));
    return { type: file.readUInt32LE(at + 4), offset: number(0x18), link: file.readUInt32LE(at + 0x28) };
  };
  const needs = Array.from({ length: count }, (_, index) => section(index)).find(
    ({ type }) => type === 0x6ffffffe,
  );
  const names = section(needs.link).offset;
  for (let need = needs.offset, more = true; more; ) {
    for (
      let want = need + file.readUInt32LE(need + 8), left = file.readUInt16LE(need + 2);
      left > 0;
      left--
    ) {
      const name = names + file.readUInt32LE(want + 8);
      if (file.toString('latin1', name, file.indexOf(0, name)) === version) file.writeUInt16LE(2, want + 4);
      want += file.readUInt32LE(want + 12);
    }
    const next = file.readUInt32LE(need + 12);
    more = next !== 0;
    need += next;
  }
  return file;
}
