import { GondolinError } from '../../errors/gondolin-error.ts';

/**
 * Checks for saved state, which comes from a file that any program of the user can write. Each throws
 * {GondolinError} SNAPSHOT_REFUSED naming the part when the value is not of its form or over its bound.
 */
export function refuseState(part: string): GondolinError {
  return new GondolinError('SNAPSHOT_REFUSED', `The saved state of the mounts is damaged: ${part}`);
}

/** An object that claims to be a `T`: each field is still to be checked. */
export function readRecord<T>(value: unknown, part: string): { readonly [K in keyof T]: unknown } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuseState(part);
  return value as { readonly [K in keyof T]: unknown };
}

export function readList(value: unknown, maxItems: number, part: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length > maxItems) throw refuseState(part);
  return value;
}

/** A list with exactly so many items. */
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

/** A whole number of up to 20 digits as decimal text: JSON's numbers are too small for 64 bits. `BigInt` takes it. */
export function readDigits(value: unknown, part: string): string {
  if (typeof value !== 'string' || !DIGITS.test(value)) throw refuseState(part);
  return value;
}

const MAX_NAME_LENGTH = 255;

/** One component of a path, one character a byte: the rules that names from the guest obey too. */
export function readSavedName(value: unknown, part: string): string {
  const name = readText(value, MAX_NAME_LENGTH, part);
  const isName = name !== '' && name !== '.' && name !== '..' && !/[/\0\u0100-\uffff]/.test(name);
  if (!isName) throw refuseState(part);
  return name;
}
