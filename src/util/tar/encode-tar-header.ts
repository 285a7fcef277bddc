import {
  TAR_BLOCK_BYTES,
  TAR_FIELD,
  type TarHeader,
  type TarKind,
  tarChecksum,
  tarPaddingBytes,
} from './tar-entry.ts';

const TYPE_OF: Readonly<Record<Exclude<TarKind, 'other'> | 'pax', string>> = {
  file: '0',
  'hard-link': '1',
  symlink: '2',
  directory: '5',
  pax: 'x',
};
const MAX_OCTAL_SIZE = 0o77777777777;
const MAX_NAME_BYTES = TAR_FIELD.name[1];

/** Two blocks of zeros end an archive. */
export const TAR_END: Buffer = Buffer.alloc(2 * TAR_BLOCK_BYTES);

function putOctal(block: Buffer, [start, length]: readonly [number, number], value: number): void {
  block.write(value.toString(8).padStart(length - 1, '0'), start, 'latin1');
}

function ustarBlock(header: TarHeader, type: string): Buffer {
  const block = Buffer.alloc(TAR_BLOCK_BYTES);
  header.name.copy(block, TAR_FIELD.name[0], 0, MAX_NAME_BYTES);
  putOctal(block, TAR_FIELD.mode, header.mode & 0o7777);
  putOctal(block, TAR_FIELD.uid, 0);
  putOctal(block, TAR_FIELD.gid, 0);
  putOctal(block, TAR_FIELD.size, Math.min(header.size, MAX_OCTAL_SIZE));
  putOctal(block, TAR_FIELD.mtime, Math.min(Math.max(header.mtimeSeconds, 0), MAX_OCTAL_SIZE));
  block.write(type, TAR_FIELD.type[0], 'latin1');
  header.linkName.copy(block, TAR_FIELD.linkName[0], 0, MAX_NAME_BYTES);
  block.write('ustar\0' + '00', TAR_FIELD.magic[0], 'latin1');
  block.write(`${tarChecksum(block).toString(8).padStart(6, '0')}\0 `, TAR_FIELD.checksum[0]);
  return block;
}

/** Returns `LENGTH KEY=VALUE\n`, whose length counts its own digits. */
function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) {
    length = String(length).length + rest.length;
  }
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** Returns the records of what the fields of a ustar header cannot hold. */
function paxRecords({ name, linkName, size, mtimeSeconds }: TarHeader): Buffer {
  return Buffer.concat([
    ...(name.length > MAX_NAME_BYTES ? [paxRecord('path', name)] : []),
    ...(linkName.length > MAX_NAME_BYTES ? [paxRecord('linkpath', linkName)] : []),
    ...(size > MAX_OCTAL_SIZE ? [paxRecord('size', Buffer.from(String(size)))] : []),
    ...(mtimeSeconds < 0 ? [paxRecord('mtime', Buffer.from(String(mtimeSeconds)))] : []),
  ]);
}

/**
 * Returns the blocks before an entry's content: POSIX pax where ustar has no room. The content follows, then
 * {@link tarPaddingBytes} of zeros.
 *
 * @see pax(1p), "pax Interchange Format"
 */
export function encodeTarHeader(
  header: TarHeader & { readonly kind: Exclude<TarKind, 'other'> },
): Buffer {
  const block = ustarBlock(header, TYPE_OF[header.kind]);
  const records = paxRecords(header);
  if (records.length === 0) return block;
  const ofRecords = ustarBlock(
    {
      ...header,
      name: Buffer.from('././@PaxHeader'),
      linkName: Buffer.alloc(0),
      size: records.length,
      mtimeSeconds: 0,
    },
    TYPE_OF.pax,
  );
  return Buffer.concat([ofRecords, records, Buffer.alloc(tarPaddingBytes(records.length)), block]);
}
