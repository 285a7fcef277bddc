import { sessionFailed } from '../control-line.ts';

/** Returns the frame of a terminal's size, which must be 1..65535 each. */
export function encodeSize(rows: number, columns: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt16BE(rows, 0);
  payload.writeUInt16BE(columns, 2);
  return payload;
}

/** @throws {GondolinError} SESSION_FAILED for a frame of another length, or a size of 0. */
export function decodeSize(payload: Buffer): { readonly rows: number; readonly columns: number } {
  if (payload.length !== 4) throw sessionFailed('it sent an invalid size of a terminal');
  const [rows, columns] = [payload.readUInt16BE(0), payload.readUInt16BE(2)];
  if (rows === 0 || columns === 0) throw sessionFailed('it sent an empty terminal');
  return { rows, columns };
}
