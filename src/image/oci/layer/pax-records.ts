import { layerRefused } from './layer-error.ts';
import { LAYER_LIMITS } from './limits.ts';

const SPACE = 0x20;
const NEWLINE = 0x0a;
const LENGTH_DIGITS_MAX = 8;
const ATTRIBUTE = 'SCHILY.xattr.';

/** The records of an extended header that say something about its entry; null where it says nothing. */
export interface PaxRecords {
  readonly path: string | null;
  readonly linkPath: string | null;
  readonly size: number | null;
  readonly uid: number | null;
  readonly gid: number | null;
  readonly userName: string | null;
  readonly groupName: string | null;
  /** Seconds since 1970, perhaps with a fraction. */
  readonly mtime: number | null;
  readonly attributes: ReadonlyMap<string, Buffer>;
  /** GNU's records for files with holes are there, in any of its three versions. */
  readonly isSparse: boolean;
}

/**
 * Reads an extended header: `LENGTH NAME=VALUE\n` again and again. A later record of a name wins, an empty value says
 * nothing, names without a meaning here are skipped: as Go's archive/tar does, which reads layers everywhere else.
 *
 * @throws {GondolinError} IMAGE_LAYER_INVALID.
 * @see POSIX.1-2018 pax, "pax Extended Header"
 */
export function readPaxRecords(body: Buffer): PaxRecords {
  const values = new Map<string, Buffer>();
  for (let offset = 0; offset < body.length; ) {
    const length = recordLength(body, offset);
    const record = body.subarray(offset, offset + length);
    const start = record.indexOf(SPACE) + 1;
    const equals = record.indexOf('=', start);
    if (equals <= start || record[length - 1] !== NEWLINE) {
      throw layerRefused('an extended header has a malformed record');
    }
    const name = record.toString('latin1', start, equals);
    values.set(name, Buffer.from(record.subarray(equals + 1, length - 1)));
    offset += length;
  }
  return toRecords(values);
}

function recordLength(body: Buffer, offset: number): number {
  const space = body.indexOf(SPACE, offset);
  const digits = space < 0 ? '' : body.toString('latin1', offset, space);
  const length = Number(digits);
  const isLength = /^[1-9][0-9]*$/.test(digits) && digits.length <= LENGTH_DIGITS_MAX;
  if (!isLength || length < digits.length + 4 || offset + length > body.length) {
    throw layerRefused('an extended header has a record of a wrong length');
  }
  return length;
}

function toRecords(values: ReadonlyMap<string, Buffer>): PaxRecords {
  const attributes = new Map<string, Buffer>();
  for (const [name, value] of values) {
    if (!name.startsWith(ATTRIBUTE)) continue;
    if (value.length > LAYER_LIMITS.attributeBytes || name.length > LAYER_LIMITS.nameBytes) {
      throw layerRefused(`an extended attribute is longer than ${LAYER_LIMITS.attributeBytes}`);
    }
    attributes.set(name.slice(ATTRIBUTE.length), value);
  }
  return {
    path: textOf(values, 'path'),
    linkPath: textOf(values, 'linkpath'),
    size: integerOf(values, 'size'),
    uid: integerOf(values, 'uid'),
    gid: integerOf(values, 'gid'),
    userName: textOf(values, 'uname'),
    groupName: textOf(values, 'gname'),
    mtime: timeOf(values),
    attributes,
    isSparse: [...values.keys()].some((name) => name.startsWith('GNU.sparse.')),
  };
}

function textOf(values: ReadonlyMap<string, Buffer>, name: string): string | null {
  const value = values.get(name);
  if (value === undefined || value.length === 0) return null;
  if (value.includes(0))
    throw layerRefused(`the record ${name} of an extended header contains a NUL byte`);
  return value.toString('latin1');
}

function integerOf(values: ReadonlyMap<string, Buffer>, name: string): number | null {
  const text = textOf(values, name);
  if (text === null) return null;
  const value = Number(text);
  if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(value)) {
    throw layerRefused(`the record ${name} of an extended header is not a size`);
  }
  return value;
}

function timeOf(values: ReadonlyMap<string, Buffer>): number | null {
  const text = textOf(values, 'mtime');
  if (text === null) return null;
  if (!/^-?[0-9]{1,20}(?:\.[0-9]{0,20})?$/.test(text)) {
    throw layerRefused('the record mtime of an extended header is not a time');
  }
  return Number(text);
}
