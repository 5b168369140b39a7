/**
 * node --import ./scripts/uws-on-old-glibc.js app.js: lets the uWebSockets.js of the devDependencies load if the C library is older
 * than 2.38. For tests only. If the binary loads without help, the script does nothing.
 *
 * The binary needs only three functions of GLIBC_2.38, which C23 renamed. The script loads a library with the three functions. Then it
 * loads a copy of the binary in which the requirement is weak (Vernaux.vna_flags, LSB core specification, "Version requirements").
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import Module from 'node:module';
import { constants } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../build/uws-on-old-glibc/', import.meta.url));
const version = 'GLIBC_2.38';

/** The functions with C23 names differ from the older ones only in binary literals. */
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
    loadGlobally(cached('c23.so', compile));
    const name = `${Math.floor(statSync(path).mtimeMs)}-${basename(path)}`;
    const copy = cached(name, (own) => writeFileSync(own, weakenRequirement(readFileSync(path))));
    return load(module, copy);
  }
};

/** Returns the path of the file, and makes the file if it is missing. Another process never sees an incomplete file. */
function cached(name, make) {
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
  if (status !== 0) throw new Error(`cc could not make ${path}: ${error ?? stderr}`);
}

/** Loads a library for all later libraries. Node throws, because the library is not an addon. It stays loaded, because of nodelete. */
function loadGlobally(path) {
  try {
    process.dlopen({ exports: {} }, path, constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL);
  } catch {}
}

/** Marks every requirement of the version as weak in a little-endian ELF64 file. */
function weakenRequirement(file) {
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
