/** The components in which a worker spends CPU time, with the binaries and symbols of each. The first match counts. */
const places = [
  ['JavaScript, compiled', /^(\[JIT\]|perf-\d+\.map)/, /./],
  ['kernel: sockets and system calls', /^\[(?!vdso)/, /./],
  ["limpet's addon", /limpet/, /./],
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
  ['C library', /^(libc|libstdc|libm|ld-|libpthread|\[vdso\])/, /./],
];

export const placeNames = [...places.map(([name]) => name), 'elsewhere'];

/** @returns {string} one of {@link placeNames} */
export function placeOf(binary, symbol) {
  return (
    places.find(([, binaries, symbols]) => binaries.test(binary) && symbols.test(symbol))?.[0] ?? 'elsewhere'
  );
}
