import { GondolinError } from '../../errors/gondolin-error.ts';

/**
 * Returns the error for a malformed part of a saved state, which any program of the user can write. The readers below throw
 * it, {GondolinError} SNAPSHOT_REFUSED, when a value is malformed or above its bound.
 */
export function refuseState(part: string): GondolinError {
  return new GondolinError('SNAPSHOT_REFUSED', `The saved state of the mounts is damaged: ${part}`);
}

/** Reads an object that claims to be a `T`: each field must still be checked. */
export function readRecord<T>(value: unknown, part: string): { readonly [K in keyof T]: unknown } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuseState(part);
  return value as { readonly [K in keyof T]: unknown };
}

export function readList(value: unknown, maxItems: number, part: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length > maxItems) throw refuseState(part);
  return value;
}

/** Reads a list of exactly `items` items. */
export function readTuple(value: unknown, items: number, part: string): readonly unknown[] {
  const list = readList(value, items, part);
  if (list.length !== items) throw refuseState(part);
  return list;
}

export function readInteger(value: unknown, low: number, high: number, part: string): number {
  if (!Number.isSafeInteger(value) || Number(value) < low || Number(value) > high) {
    throw refuseState(part);
  }
  return Number(value);
}

export function readText(value: unknown, maxLength: number, part: string): string {
  if (typeof value !== 'string' || value.length > maxLength) throw refuseState(part);
  return value;
}

const DIGITS = /^-?\d{1,20}$/;

/** Reads an integer of up to 20 digits as decimal text for `BigInt`: a JSON number cannot hold 64 bits. */
export function readDigits(value: unknown, part: string): string {
  if (typeof value !== 'string' || !DIGITS.test(value)) throw refuseState(part);
  return value;
}

const MAX_NAME_LENGTH = 255;

/** Reads one path component, one character per byte, by the same rules as names from the guest. */
export function readSavedName(value: unknown, part: string): string {
  const name = readText(value, MAX_NAME_LENGTH, part);
  const isName = name !== '' && name !== '.' && name !== '..' && !/[/\0\u0100-\uffff]/.test(name);
  if (!isName) throw refuseState(part);
  return name;
}
