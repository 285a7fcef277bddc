/** Arguments and results of host functions: JSON, bytes as they are, or nothing. */
const KIND = { json: 0, bytes: 1, undefined: 2 } as const;
const HEADER_BYTES = 5;

/** @throws {TypeError} for a value without a JSON form. */
export function encodeHostValue(value: unknown): Buffer {
  if (value instanceof Uint8Array) return encode(KIND.bytes, value);
  if (value === undefined) return encode(KIND.undefined, new Uint8Array());
  const json = JSON.stringify(value) as string | undefined;
  if (json === undefined) throw new TypeError(`a ${typeof value} has no JSON form`);
  return encode(KIND.json, Buffer.from(json));
}

function encode(kind: number, bytes: Uint8Array): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(kind);
  header.writeUInt32LE(bytes.length, 1);
  return Buffer.concat([header, bytes]);
}

/**
 * Reads the value at `offset`.
 * @throws {RangeError | SyntaxError} for broken bytes of a guest.
 */
export function decodeHostValue(payload: Buffer, offset: number): { value: unknown; end: number } {
  const kind = payload.readUInt8(offset);
  const start = offset + HEADER_BYTES;
  const end = start + payload.readUInt32LE(offset + 1);
  if (end > payload.length) throw new RangeError('a value ends after its frame');
  const bytes = payload.subarray(start, end);
  if (kind === KIND.json) return { value: JSON.parse(bytes.toString()), end };
  if (kind === KIND.bytes) return { value: new Uint8Array(bytes), end };
  if (kind === KIND.undefined) return { value: undefined, end };
  throw new RangeError(`a value of kind ${kind}`);
}
