/**
 * One checked reader for JSON that this process did not just write: files of a cache, saved machines, lines of another
 * process. A decoder takes a parsed value and returns it typed, with only the fields it names, or throws a
 * `JsonFieldError` that names the field and what it must be. `decodeJson` starts from the text.
 */

/** Checks one value. `field` is its path from the top, such as `steps[2].exitCode`; empty at the top. */
export type Decoder<T> = (value: unknown, field: string) => T;

/** A field that is not of its form. The message shows the type of its value, never the value. */
export class JsonFieldError extends Error {
  readonly field: string;

  constructor(field: string, value: unknown, wanted: string) {
    super(`${field === '' ? 'the whole' : field}: got ${typeName(value)}, want ${wanted}`);
    this.field = field;
  }
}

/** The value, or why there is none: `steps[2].exitCode: got a string, want an integer from 0 to 255`. */
export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string };

/** Reads a JSON text. Never throws, whatever the text is. */
export function decodeJson<T>(json: string, decoder: Decoder<T>): Decoded<T> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return { ok: false, problem: 'it is not JSON' };
  }
  return decodeValue(value, decoder);
}

/** Checks a value that is parsed already. Never throws, whatever the value is. */
export function decodeValue<T>(value: unknown, decoder: Decoder<T>): Decoded<T> {
  try {
    return { ok: true, value: decoder(value, '') };
  } catch (error) {
    if (!(error instanceof JsonFieldError)) throw error;
    return { ok: false, problem: error.message };
  }
}

/** Returns the value of a JSON text, or null for a text of any other form: where a damaged file is the same as none. */
export function decodeOrNull<T>(json: string | null, decoder: Decoder<T>): T | null {
  if (json === null) return null;
  const decoded = decodeJson(json, decoder);
  return decoded.ok ? decoded.value : null;
}

/** Takes any value as it is. */
export const anything: Decoder<unknown> = (value) => value;

/** A string. `pattern` must match it as a whole: anchor it. */
export function text(limits: { pattern?: RegExp; maxLength?: number } = {}): Decoder<string> {
  const { pattern, maxLength = Number.POSITIVE_INFINITY } = limits;
  const form = pattern === undefined ? '' : ` of the form ${pattern.source}`;
  const bound = Number.isFinite(maxLength) ? `, at most ${maxLength} characters` : '';
  return (value, field) => {
    const isOfForm = typeof value === 'string' && value.length <= maxLength;
    if (isOfForm && pattern?.test(value) !== false) return value;
    throw new JsonFieldError(field, value, `a string${form}${bound}`);
  };
}

/** 64 lower-case hexadecimal digits. */
export const sha256: Decoder<string> = text({ pattern: /^[0-9a-f]{64}$/ });

/** A safe integer in a range, 0 and up unless said. */
export function integer(range: { min?: number; max?: number } = {}): Decoder<number> {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = range;
  return (value, field) => {
    if (Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max) {
      return Number(value);
    }
    throw new JsonFieldError(field, value, `an integer from ${min} to ${max}`);
  };
}

/** Any number of JSON, which has neither NaN nor Infinity. */
export const number: Decoder<number> = (value, field) => {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new JsonFieldError(field, value, 'a number');
};

export const boolean: Decoder<boolean> = (value, field) => {
  if (typeof value === 'boolean') return value;
  throw new JsonFieldError(field, value, 'true or false');
};

/** One of some strings, numbers or booleans. */
export function literal<const T extends string | number | boolean>(...wanted: T[]): Decoder<T> {
  return (value, field) => {
    const found = wanted.find((one) => one === value);
    if (found !== undefined) return found;
    const names = wanted.map((one) => JSON.stringify(one)).join(' or ');
    throw new JsonFieldError(field, value, names);
  };
}

/** The value or null. A missing field is not null. */
export function nullable<T>(decoder: Decoder<T>): Decoder<T | null> {
  return (value, field) => (value === null ? null : decoder(value, field));
}

/** The value, or `missing` where the field is missing. */
export function withDefault<T>(decoder: Decoder<T>, missing: T): Decoder<T> {
  return (value, field) => (value === undefined ? missing : decoder(value, field));
}

/** A list of values of one form. */
export function list<T>(item: Decoder<T>, limits: { maxLength?: number } = {}): Decoder<T[]> {
  const { maxLength = Number.POSITIVE_INFINITY } = limits;
  const bound = Number.isFinite(maxLength) ? ` of at most ${maxLength}` : '';
  return (value, field) => {
    if (!Array.isArray(value) || value.length > maxLength) {
      throw new JsonFieldError(field, value, `a list${bound}`);
    }
    return value.map((one: unknown, index) => item(one, `${field}[${index}]`));
  };
}

/** A list of exactly these values. */
export function tuple<T extends readonly unknown[]>(
  ...items: { readonly [K in keyof T]: Decoder<T[K]> }
): Decoder<T> {
  return (value, field) => {
    if (!Array.isArray(value) || value.length !== items.length) {
      throw new JsonFieldError(field, value, `a list of ${items.length}`);
    }
    const decoded = items.map((item, index) => item(value[index], `${field}[${index}]`));
    return decoded as unknown as T;
  };
}

/** An object with these fields; others are left out. */
export function object<T extends object>(
  fields: {
    readonly [K in keyof T]-?: Decoder<T[K]>;
  },
): Decoder<T> {
  const decoders = Object.entries(fields) as [string, Decoder<unknown>][];
  return (value, field) => {
    const found = toRecord(value, field);
    const entries = decoders.map(([name, decoder]) => {
      const given = Object.hasOwn(found, name) ? found[name] : undefined;
      return [name, decoder(given, field === '' ? name : `${field}.${name}`)] as const;
    });
    return Object.fromEntries(entries) as T;
  };
}

/** An object with some of these fields; others, and those that are null, are left out. @param needed  Fields it must have. */
export function partial<T extends object>(
  fields: { readonly [K in keyof T]-?: Decoder<NonNullable<T[K]>> },
  needed: readonly (keyof T & string)[] = [],
): Decoder<T> {
  const decoders = Object.entries(fields) as [keyof T & string, Decoder<unknown>][];
  return (value, field) => {
    const found = toRecord(value, field);
    const entries = decoders.flatMap(([name, decoder]) => {
      const given = Object.hasOwn(found, name) ? found[name] : undefined;
      const isMissing = given === undefined || given === null;
      if (isMissing && !needed.includes(name)) return [];
      return [[name, decoder(given, field === '' ? name : `${field}.${name}`)] as const];
    });
    return Object.fromEntries(entries) as T;
  };
}

/** An object with any names, and values of one form. */
export function dictionary<T>(item: Decoder<T>): Decoder<Record<string, T>> {
  return (value, field) => {
    const entries = Object.entries(toRecord(value, field));
    return Object.fromEntries(
      entries.map(([name, one]) => [name, item(one, field === '' ? name : `${field}.${name}`)]),
    );
  };
}

/** An object with exactly these names, in their order, and values of one form. */
export function record<T>(names: readonly string[], item: Decoder<T>): Decoder<Record<string, T>> {
  const sorted = names.toSorted().join();
  return (value, field) => {
    const found = toRecord(value, field);
    if (Object.keys(found).toSorted().join() !== sorted) {
      throw new JsonFieldError(field, value, `an object with exactly ${names.join(', ')}`);
    }
    return Object.fromEntries(names.map((name) => [name, item(found[name], `${field}.${name}`)]));
  };
}

/** An object whose form depends on the value of one field, such as `kind`. */
export function tagged<T>(tag: string, forms: Readonly<Record<string, Decoder<T>>>): Decoder<T> {
  return (value, field) => {
    const found = toRecord(value, field);
    const name = Object.hasOwn(found, tag) ? String(found[tag]) : '';
    const form = Object.hasOwn(forms, name) ? forms[name] : undefined;
    if (form !== undefined) return form(value, field);
    const names = Object.keys(forms).join(' or ');
    throw new JsonFieldError(field === '' ? tag : `${field}.${tag}`, found[tag], names);
  };
}

function toRecord(value: unknown, field: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new JsonFieldError(field, value, 'an object');
}

function typeName(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
