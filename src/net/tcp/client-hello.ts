/** The parts of a ClientHello that the host decides by (RFC 8446 §4.1.2). The name is in lower case, `null` when absent. */
export interface ClientHello {
  readonly serverName: string | null;
  /** It hides its real server name (encrypted_client_hello), so the visible one proves nothing. */
  readonly hasEncryptedHello: boolean;
}

const HANDSHAKE_RECORD = 22;
const CLIENT_HELLO = 1;
const MAX_HELLO_BYTES = 16 * 1024 + 4;
const MAX_RECORD_BYTES = 16 * 1024;
/** A hello needs one; more than this only cost time. */
const MAX_RECORDS = 128;
const EXTENSION = { serverName: 0, encryptedClientHello: 0xfe0d } as const;

/**
 * Reads the ClientHello at the start of a TLS connection.
 *
 * @param bytes  Untrusted: all bytes so far. Records may split the message anywhere.
 * @returns The hello, `more` when bytes are missing, `invalid` for anything else.
 */
export function readClientHello(bytes: Buffer): ClientHello | 'more' | 'invalid' {
  const message = joinRecords(bytes);
  if (typeof message === 'string') return message;
  try {
    return parseHello(new Cursor(message));
  } catch (error) {
    if (error instanceof RangeError) return 'invalid';
    throw error;
  }
}

/** The handshake message without its record headers. One copy at the end: a guest may send its bytes one by one. */
function joinRecords(bytes: Buffer): Buffer | 'more' | 'invalid' {
  const parts: Buffer[] = [];
  let length = 0;
  let wanted = Number.POSITIVE_INFINITY;
  for (let at = 0; length < wanted; ) {
    const record = readRecord(bytes.subarray(at));
    if (typeof record === 'string') return record;
    if (parts.push(record.part) > MAX_RECORDS) return 'invalid';
    length += record.part.length;
    at += 5 + record.part.length;
    if (wanted === Number.POSITIVE_INFINITY && length >= 4) {
      const start = Buffer.concat(parts);
      wanted = 4 + start.readUIntBE(1, 3);
      if (start[0] !== CLIENT_HELLO || wanted > MAX_HELLO_BYTES) return 'invalid';
    }
    if (!record.isWhole && length < wanted) return 'more';
  }
  return Buffer.concat(parts).subarray(4, wanted);
}

function readRecord(bytes: Buffer): { part: Buffer; isWhole: boolean } | 'more' | 'invalid' {
  const header = bytes.subarray(0, 5);
  if (header.length > 0 && !isRecordStart(header)) return 'invalid';
  if (header.length < 5) return 'more';
  const size = header.readUInt16BE(3);
  if (size === 0 || size > MAX_RECORD_BYTES) return 'invalid';
  const part = bytes.subarray(5, 5 + size);
  return { part, isWhole: part.length === size };
}

function isRecordStart(header: Buffer): boolean {
  return header[0] === HANDSHAKE_RECORD && (header.length < 2 || header[1] === 3);
}

function parseHello(cursor: Cursor): ClientHello | 'invalid' {
  cursor.skip(2 + 32);
  cursor.block(1);
  cursor.block(2);
  cursor.block(1);
  let serverName: string | null = null;
  let hasEncryptedHello = false;
  if (cursor.isAtEnd) return { serverName, hasEncryptedHello };
  const extensions = new Cursor(cursor.block(2));
  const seen = new Set<number>();
  while (!extensions.isAtEnd) {
    const type = extensions.number(2);
    const body = extensions.block(2);
    // RFC 8446 §4.2: each type appears once. With two names the server could use another than the one checked.
    if (seen.has(type)) return 'invalid';
    seen.add(type);
    if (type === EXTENSION.encryptedClientHello) hasEncryptedHello = true;
    if (type === EXTENSION.serverName) {
      const name = readServerName(new Cursor(body));
      if (name === null) return 'invalid';
      serverName = name;
    }
  }
  return cursor.isAtEnd ? { serverName, hasEncryptedHello } : 'invalid';
}

/** RFC 6066 §3: one entry of type host_name; more than one is refused. */
function readServerName(cursor: Cursor): string | null {
  const list = new Cursor(cursor.block(2));
  const type = list.number(1);
  const name = list.block(2).toString('latin1');
  if (type !== 0 || !list.isAtEnd || !cursor.isAtEnd) return null;
  return /^[\x21-\x7e]{1,255}$/.test(name) ? name.toLowerCase() : null;
}

/** Reads forward; leaving the bytes is a RangeError. */
class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  skip(count: number): void {
    if (this.#at + count > this.#bytes.length) throw new RangeError('past the end');
    this.#at += count;
  }

  number(width: 1 | 2): number {
    const at = this.#at;
    this.skip(width);
    return this.#bytes.readUIntBE(at, width);
  }

  block(lengthWidth: 1 | 2): Buffer {
    const length = this.number(lengthWidth);
    const at = this.#at;
    this.skip(length);
    return this.#bytes.subarray(at, at + length);
  }
}
