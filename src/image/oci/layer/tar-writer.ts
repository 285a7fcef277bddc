import type { LayerEntry, LayerEntryType } from './layer-entry.ts';

const BLOCK = 512;
const TYPE_FLAGS: Readonly<Record<LayerEntryType, string>> = {
  file: '0',
  link: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};
const OCTAL_7_MAX = 0o7777777;
const OCTAL_11_MAX = 0o77777777777;

/**
 * Encodes the header of an entry, with an extended header before it where ustar is too small. The content, padded by
 * {@link tarPadding}, follows.
 * @see POSIX.1-2018 pax
 */
export function encodeLayerEntry(entry: LayerEntry): Buffer {
  const records: Buffer[] = [];
  const add = (name: string, value: string) =>
    records.push(encodeRecord(name, Buffer.from(value, 'latin1')));
  if (entry.name.length > 100) add('path', entry.name);
  if (entry.linkName.length > 100) add('linkpath', entry.linkName);
  if (entry.size > OCTAL_11_MAX) add('size', String(entry.size));
  if (entry.uid > OCTAL_7_MAX) add('uid', String(entry.uid));
  if (entry.gid > OCTAL_7_MAX) add('gid', String(entry.gid));
  for (const [name, value] of entry.attributes) {
    records.push(encodeRecord(`SCHILY.xattr.${name}`, value));
  }
  const header = encodeHeader(entry, TYPE_FLAGS[entry.type]);
  if (records.length === 0) return header;
  const body = Buffer.concat(records);
  const about = { ...entry, name: 'pax', linkName: '', size: body.length, major: 0, minor: 0 };
  return Buffer.concat([encodeHeader(about, 'x'), body, tarPadding(body.length), header]);
}

/** Zeros up to the next block. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

/** The end mark of an archive. */
export const LAYER_END: Buffer = Buffer.alloc(2 * BLOCK);

function encodeRecord(name: string, value: Buffer): Buffer {
  const rest = name.length + value.length + 3;
  // The length counts its own digits.
  let length = rest + String(rest).length;
  length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${name}=`, 'latin1'), value, Buffer.from('\n')]);
}

function encodeHeader(entry: LayerEntry, flag: string): Buffer {
  const header = Buffer.alloc(BLOCK);
  const text = (value: string, offset: number, length: number) =>
    header.write(value.slice(0, length), offset, 'latin1');
  const octal = (value: number, offset: number, digits: number) => {
    const fits = value < 8 ** digits ? value : 0;
    text(fits.toString(8).padStart(digits, '0'), offset, digits);
  };
  text(entry.name, 0, 100);
  octal(entry.mode, 100, 7);
  octal(entry.uid, 108, 7);
  octal(entry.gid, 116, 7);
  octal(entry.size, 124, 11);
  octal(entry.mtime, 136, 11);
  text(flag, 156, 1);
  text(entry.linkName, 157, 100);
  text('ustar\x0000', 257, 8);
  octal(entry.major, 329, 7);
  octal(entry.minor, 337, 7);
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  text(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8);
  return header;
}
