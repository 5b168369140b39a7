const verneedType = 0x6ffffffe;
const weakFlag = 2;

/**
 * In a 64-bit little-endian ELF file, marks a version that it needs (e.g. 'GLIBC_2.38') as weak, in place: the loader
 * then warns instead of refusing when the system's library does not have it. Throws when the file needs no such version.
 */
export function markVersionNeedWeak(file: Buffer, version: string): void {
  const sectionsAt = Number(file.readBigUInt64LE(0x28));
  const sectionSize = file.readUInt16LE(0x3a);
  const section = (index: number) => {
    const at = sectionsAt + index * sectionSize;
    return {
      type: file.readUInt32LE(at + 4),
      offset: Number(file.readBigUInt64LE(at + 24)),
      link: file.readUInt32LE(at + 40),
    };
  };
  const sections = Array.from({ length: file.readUInt16LE(0x3c) }, (_, index) => section(index));
  const needs = sections.find(({ type }) => type === verneedType);
  if (!needs) throw new Error('the file has no version needs');
  const names = section(needs.link).offset;
  const nameAt = (at: number): string => file.toString('latin1', names + at, file.indexOf(0, names + at));

  let found = false;
  for (let need = needs.offset, nextNeed = -1; nextNeed !== 0; need += nextNeed) {
    nextNeed = file.readUInt32LE(need + 12);
    let auxiliary = need + file.readUInt32LE(need + 8);
    for (let left = file.readUInt16LE(need + 2); left > 0; left--) {
      if (nameAt(file.readUInt32LE(auxiliary + 8)) === version) {
        file.writeUInt16LE(file.readUInt16LE(auxiliary + 4) | weakFlag, auxiliary + 4);
        found = true;
      }
      auxiliary += file.readUInt32LE(auxiliary + 12);
    }
  }
  if (!found) throw new Error(`the file does not need ${version}`);
}
