/** Parts of a worker in which its CPU can be spent, each by the binary and the symbols that belong to it; the first that fits counts. */
const places = [
  ['kernel: sockets and system calls', /^\[/, /./],
  ["limpet's addon", /limpet/, /./],
  ['JavaScript, compiled', /^(perf-\d+\.map|\[JIT\])/, /./],
  [
    'V8: garbage collection',
    /^node$/,
    /Scaveng|Sweep|MarkCompact|Marking|GarbageCollect|Heap::|Evacuat|NewSpace|YoungGeneration/,
  ],
  ['V8: builtins and the interpreter', /^node$/, /Builtins_|v8::internal::Builtin/],
  ['V8: the rest, compiling included', /^node$/, /v8::|v8impl|icu_/],
  ['Node: HTTP parser', /^node$/, /llhttp|node::.*Parser/],
  ['libuv', /^node$/, /\buv_/],
  ['Node: the rest', /^node$/, /./],
  ['C library', /^(libc|libstdc|libm|ld-|libpthread|\[vdso)/, /./],
];

export const placeNames = [...places.map(([name]) => name), 'elsewhere'];

/** @returns {string} one of {@link placeNames} */
export function placeOf(binary, symbol) {
  // perf names the map of compiled JavaScript in brackets like the kernel.
  const file = binary.startsWith('[JIT]') ? '[JIT]' : binary;
  const compiled = places[2];
  if (compiled[1].test(file)) return compiled[0];
  return (
    places.find(([, binaries, symbols]) => binaries.test(file) && symbols.test(symbol))?.[0] ?? 'elsewhere'
  );
}
