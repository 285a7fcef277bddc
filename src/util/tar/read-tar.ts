import { ByteSource } from './byte-source.ts';
import { applyPaxRecords, type PaxFields } from './pax-records.ts';
import {
  TAR_BLOCK_BYTES,
  TAR_FIELD,
  type TarHeader,
  type TarKind,
  tarChecksum,
  tarPaddingBytes,
} from './tar-entry.ts';
import { TarError } from './tar-error.ts';

/** Most bytes of the records or the long name before an entry. */
const MAX_EXTENSION_BYTES = 64 * 1024;
const CHUNK_BYTES = 128 * 1024;
const GZIP = Buffer.of(0x1f, 0x8b);

const KIND_OF: Readonly<Record<string, TarKind>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hard-link',
  '2': 'symlink',
  '3': 'other',
  '4': 'other',
  '5': 'directory',
  '6': 'other',
};

interface TypedHeader extends TarHeader {
  /** The type byte. */
  readonly type: string;
}

/** An entry of an archive. Read its content, or leave it: what is left is skipped. */
export interface TarEntry extends TarHeader {
  readonly content: AsyncIterable<Buffer>;
}

/** Returns a copy of the bytes before the first NUL. */
function untilNul(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end));
}

function readText(block: Buffer, [start, length]: readonly [number, number]): Buffer {
  return untilNul(block.subarray(start, start + length));
}

/** Reads octal digits, or GNU's base 256 for what has no room as digits. */
function readNumber(block: Buffer, [start, length]: readonly [number, number]): number {
  const field = block.subarray(start, start + length);
  const first = field[0] ?? 0;
  if ((first & 0x80) !== 0) {
    const hex = Buffer.concat([Buffer.of(first & 0x7f), field.subarray(1)]).toString('hex');
    const value = BigInt(`0x${hex}`);
    const isNegative = first === 0xff;
    return Number(isNegative ? value - (1n << BigInt(8 * length - 1)) : value);
  }
  const digits = field.toString('latin1').replaceAll('\0', ' ').trim();
  if (digits === '') return 0;
  if (!/^[0-7]+$/.test(digits)) throw new TarError('a header has an invalid number');
  return Number.parseInt(digits, 8);
}

function hasChecksum(block: Buffer): boolean {
  const digits = readText(block, TAR_FIELD.checksum).toString('latin1').trim();
  return /^[0-7]+$/.test(digits) && Number.parseInt(digits, 8) === tarChecksum(block);
}

function readHeader(block: Buffer, pax: PaxFields): TypedHeader {
  const magic = block.toString('latin1', TAR_FIELD.magic[0], TAR_FIELD.magic[0] + 6);
  const prefix = magic === 'ustar\0' ? readText(block, TAR_FIELD.prefix) : Buffer.alloc(0);
  const base = readText(block, TAR_FIELD.name);
  const whole = prefix.length === 0 ? base : Buffer.concat([prefix, Buffer.from('/'), base]);
  const type = block.toString('latin1', TAR_FIELD.type[0], TAR_FIELD.type[0] + 1);
  const isOldDirectory = type === '\0' && whole.at(-1) === 0x2f;
  const kind = isOldDirectory ? 'directory' : (KIND_OF[type] ?? 'other');
  const size = pax.size ?? readNumber(block, TAR_FIELD.size);
  if (!Number.isSafeInteger(size) || size < 0) throw new TarError('an entry has an invalid size');
  const mtimeSeconds = pax.mtimeSeconds ?? readNumber(block, TAR_FIELD.mtime);
  if (!Number.isSafeInteger(mtimeSeconds)) throw new TarError('an entry has an invalid time');
  return {
    ...{ type, kind, size, mtimeSeconds },
    name: pax.name ?? whole,
    linkName: pax.linkName ?? readText(block, TAR_FIELD.linkName),
    mode: readNumber(block, TAR_FIELD.mode) & 0o7777,
  };
}

async function* readContent(source: ByteSource, left: { bytes: number }): AsyncGenerator<Buffer> {
  while (left.bytes > 0) {
    const chunk = await source.some(Math.min(left.bytes, CHUNK_BYTES));
    if (chunk === null) throw new TarError('it ends within a file');
    left.bytes -= chunk.length;
    yield chunk;
  }
}

async function skip(source: ByteSource, count: number): Promise<void> {
  for await (const _ of readContent(source, { bytes: count }));
}

async function readExtension(source: ByteSource, size: number): Promise<Buffer> {
  if (size > MAX_EXTENSION_BYTES) {
    throw new TarError(
      `an entry has more than ${MAX_EXTENSION_BYTES} bytes of name and attributes`,
    );
  }
  const bytes = Buffer.from(await source.exactly(size));
  if (bytes.length < size) throw new TarError('it ends within a header');
  await skip(source, tarPaddingBytes(size));
  return bytes;
}

/** Returns the fields that a header of headers gives to the next entry; null for an entry. */
async function extendFields(
  source: ByteSource,
  { type, size }: TypedHeader,
  fields: PaxFields,
): Promise<PaxFields | null> {
  switch (type) {
    case 'x':
      return applyPaxRecords(fields, await readExtension(source, size));
    case 'g':
      // Defaults for all entries: none of our fields is one that an archive gives to all.
      await readExtension(source, size);
      return fields;
    case 'L':
      return { ...fields, name: untilNul(await readExtension(source, size)) };
    case 'K':
      return { ...fields, linkName: untilNul(await readExtension(source, size)) };
    default:
      return null;
  }
}

/** @throws for what would be a wrong file when it was passed over. */
function checkReadable({ type, name }: TypedHeader): void {
  if (KIND_OF[type] !== undefined) return;
  const shown = JSON.stringify(name.toString('utf8').slice(0, 200));
  throw new TarError(
    type === 'S' ? `${shown} is sparse` : `${shown} has the unknown type ${JSON.stringify(type)}`,
  );
}

async function nextBlock(source: ByteSource, isFirst: boolean): Promise<Buffer | null> {
  const block = await source.exactly(TAR_BLOCK_BYTES);
  if (isFirst && block.subarray(0, 2).equals(GZIP))
    throw new TarError('it is compressed with gzip');
  if (block.length === 0 && !isFirst) return null;
  if (block.length < TAR_BLOCK_BYTES) {
    throw new TarError(isFirst ? 'not a tar archive' : 'it ends within a header');
  }
  if (block.every((byte) => byte === 0)) return null;
  if (hasChecksum(block)) return block;
  throw new TarError(isFirst ? 'not a tar archive' : 'a header has a wrong checksum');
}

/**
 * Reads a tar archive: ustar, pax, and GNU's long names and numbers. Entries come in their order, each with its content.
 * What follows the end mark is read and dropped, so that what writes the archive does not fail.
 * @param archive  Untrusted.
 * @throws {TarError}
 */
export async function* readTar(
  archive: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<TarEntry, void> {
  const source = new ByteSource(archive);
  try {
    let fields: PaxFields = {};
    for (let isFirst = true; ; isFirst = false) {
      const block = await nextBlock(source, isFirst);
      if (block === null) break;
      const header = readHeader(block, fields);
      const extended = await extendFields(source, header, fields);
      fields = extended ?? {};
      if (extended !== null) continue;
      checkReadable(header);
      // Old writers give links the size of what they link to, without content.
      const size = header.kind === 'file' ? header.size : 0;
      const left = { bytes: size };
      yield { ...header, size, content: readContent(source, left) };
      await skip(source, left.bytes);
      await skip(source, tarPaddingBytes(size));
    }
    while ((await source.some(CHUNK_BYTES)) !== null);
  } finally {
    await source.close();
  }
}
