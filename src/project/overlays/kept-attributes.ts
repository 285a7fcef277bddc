import { list, text, tuple } from '../../util/json-decoder.ts';
import { type AttributeSet, attributeSet } from '../../vfs/real/attributes/attribute-set.ts';

/** Most bytes of all different sets of a volume, names and values: they are in its manifest. */
export const MAX_KEPT_ATTRIBUTE_BYTES = 64 * 2 ** 20;
/** Lengths of linux/limits.h, values as base64; a list of names of 64 KiB has fewer than this. */
const MAX_NAME_LENGTH = 255;
const MAX_VALUE_LENGTH = Math.ceil(65_536 / 3) * 4;
const MAX_ATTRIBUTES = 32_768;

/** Extended attributes of a file: the guest's names, and values as base64. */
export type KeptAttributeSet = readonly (readonly [name: string, value: string])[];

export const keptAttributeSet = list(
  tuple<[string, string]>(
    text({ maxLength: MAX_NAME_LENGTH }),
    text({ maxLength: MAX_VALUE_LENGTH, pattern: /^[A-Za-z0-9+/]*={0,2}$/ }),
  ),
  { maxLength: MAX_ATTRIBUTES },
);

/** The different sets of attributes that the files of a volume have. */
export class KeptAttributeSets {
  readonly sets: KeptAttributeSet[] = [];
  readonly #places = new Map<string, number>();
  #bytes = 0;

  /** Returns the index of a set, which it adds unless there is an equal one; null when all would have more than 64 MiB. */
  add(attributes: AttributeSet): number | null {
    let bytes = 0;
    for (const [name, value] of attributes) bytes += name.length + value.length;
    if (bytes > MAX_KEPT_ATTRIBUTE_BYTES) return null;
    const set = [...attributes].map(([name, value]) => [name, value.toString('base64')] as const);
    const key = JSON.stringify(set);
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    if (this.#bytes + bytes > MAX_KEPT_ATTRIBUTE_BYTES) return null;
    this.#bytes += bytes;
    this.#places.set(key, this.sets.length);
    return this.sets.push(set) - 1;
  }
}

/** A file with the index of its attributes among those of the volume; null in a volume without any. */
interface WithAttributes {
  readonly attributeSet: number | null;
  readonly mode: number;
}

/** Returns the extended attributes that the guest gave a file; null when its volume has none. */
export function keptAttributesOf(
  { attributeSets }: { readonly attributeSets: readonly KeptAttributeSet[] },
  { attributeSet: place, mode }: WithAttributes,
): AttributeSet | null {
  if (place === null) return null;
  const stored = (attributeSets[place] ?? []).map(
    ([name, value]) => [name, Buffer.from(value, 'base64')] as const,
  );
  return attributeSet(stored, mode);
}
