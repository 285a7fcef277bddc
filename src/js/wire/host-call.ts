import { decodeHostValue } from './host-value.ts';

/** A guest's call of a function of the host. */
export interface HostCall {
  readonly module: string;
  readonly name: string;
  readonly args: readonly unknown[];
}

/** @throws {RangeError | SyntaxError} for a broken payload. */
export function decodeHostCall(payload: Buffer): HostCall {
  const module = decodeHostValue(payload, 0);
  const name = decodeHostValue(payload, module.end);
  const count = payload.readUInt8(name.end);
  const args: unknown[] = [];
  let offset = name.end + 1;
  for (let i = 0; i < count; i++) {
    const { value, end } = decodeHostValue(payload, offset);
    args.push(value);
    offset = end;
  }
  return { module: String(module.value), name: String(name.value), args };
}
