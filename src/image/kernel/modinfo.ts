import { GondolinError } from '../../errors/gondolin-error.ts';

/** The facts in the `.modinfo` section of a kernel module. */
export interface ModuleInfo {
  /** With underscores, as the kernel spells it. */
  readonly name: string;
  /** Names of modules that must be loaded before it, with underscores. */
  readonly depends: readonly string[];
}

const ELF_HEADER_BYTES = 64;
const SECTION_HEADER_BYTES = 64;
const SECTIONS_MAX = 4096;

/** Module names in the one spelling the kernel compares with: `-` is `_`. */
export function normalizeModuleName(name: string): string {
  return name.replaceAll('-', '_');
}

/**
 * Reads `name=` and `depends=` of a module (ELF-64, little-endian; sections as in the ELF specification).
 *
 * @throws {GondolinError} IMAGE_KERNEL_INVALID when the file is not such an ELF, a section lies outside it, or
 * `.modinfo` is missing.
 */
export function parseModinfo(module: Buffer): ModuleInfo {
  const text = findSection(module, '.modinfo').toString('latin1');
  let name: string | null = null;
  let depends: string[] = [];
  for (const entry of text.split('\0')) {
    if (entry.startsWith('name=')) name = normalizeModuleName(entry.slice(5));
    if (entry.startsWith('depends=')) depends = entry.slice(8).split(',').filter(Boolean);
  }
  if (name === null) throw invalid('.modinfo has no name');
  return { name, depends: depends.map(normalizeModuleName) };
}

function findSection(elf: Buffer, wanted: string): Buffer {
  if (elf.length < ELF_HEADER_BYTES || elf.toString('hex', 0, 6) !== '7f454c460201') {
    throw invalid('not a 64-bit little-endian ELF');
  }
  const tableOffset = readOffset(elf, 40);
  const headerBytes = elf.readUInt16LE(58);
  const count = elf.readUInt16LE(60);
  const namesIndex = elf.readUInt16LE(62);
  if (headerBytes !== SECTION_HEADER_BYTES || count > SECTIONS_MAX || namesIndex >= count) {
    throw invalid('the section table is damaged');
  }
  const table = slice(elf, tableOffset, count * SECTION_HEADER_BYTES);
  const names = sectionAt(elf, table, namesIndex);
  for (let index = 0; index < count; index += 1) {
    const nameOffset = table.readUInt32LE(index * SECTION_HEADER_BYTES);
    const end = names.indexOf(0, nameOffset);
    if (
      nameOffset < names.length &&
      end !== -1 &&
      names.toString('latin1', nameOffset, end) === wanted
    ) {
      return sectionAt(elf, table, index);
    }
  }
  throw invalid(`the section ${wanted} is missing`);
}

function sectionAt(elf: Buffer, table: Buffer, index: number): Buffer {
  const base = index * SECTION_HEADER_BYTES;
  return slice(elf, readOffset(table, base + 24), readOffset(table, base + 32));
}

function readOffset(bytes: Buffer, at: number): number {
  const value = bytes.readBigUInt64LE(at);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid('an offset is not possible');
  return Number(value);
}

function slice(bytes: Buffer, offset: number, lengthBytes: number): Buffer {
  if (offset + lengthBytes > bytes.length) throw invalid('a section lies outside the file');
  return bytes.subarray(offset, offset + lengthBytes);
}

function invalid(problem: string): GondolinError {
  return new GondolinError('IMAGE_KERNEL_INVALID', `Cannot read a kernel module: ${problem}`);
}
