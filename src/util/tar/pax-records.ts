import { TarError } from './tar-error.ts';

/** Fields of an entry that its extended header replaces. */
export interface PaxFields {
  readonly name?: Buffer;
  readonly linkName?: Buffer;
  readonly size?: number;
  readonly mtimeSeconds?: number;
}

function numberOf(value: Buffer): number {
  const text = value.toString('latin1');
  if (!/^-?\d{1,20}(\.\d*)?$/.test(text)) throw new TarError('a header has an invalid number');
  return Math.floor(Number(text));
}

/** Returns the fields with one record applied. */
function applyRecord(fields: PaxFields, key: string, value: Buffer): PaxFields {
  if (key.startsWith('GNU.sparse.')) throw new TarError('an entry is sparse');
  switch (key) {
    case 'path':
      return { ...fields, name: value };
    case 'linkpath':
      return { ...fields, linkName: value };
    case 'size':
      return { ...fields, size: numberOf(value) };
    case 'mtime':
      return { ...fields, mtimeSeconds: numberOf(value) };
    default:
      return fields;
  }
}

/** Applies the records `LENGTH KEY=VALUE\n` of an extended header. @throws {TarError} */
export function applyPaxRecords(fields: PaxFields, records: Buffer): PaxFields {
  let result = fields;
  for (let at = 0; at < records.length; ) {
    const space = records.indexOf(0x20, at);
    const digits = space < 0 ? '' : records.toString('latin1', at, space);
    const length = /^\d{1,6}$/.test(digits) ? Number(digits) : 0;
    const end = at + length;
    const equals = records.indexOf(0x3d, space);
    const isWhole = end <= records.length && records[end - 1] === 0x0a;
    if (!isWhole || equals < space || equals >= end) {
      throw new TarError('an extended header is malformed');
    }
    const key = records.toString('latin1', space + 1, equals);
    result = applyRecord(result, key, records.subarray(equals + 1, end - 1));
    at = end;
  }
  return result;
}
