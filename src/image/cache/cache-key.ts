import { createHash } from 'node:crypto';

export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [name: string]: Json };

/** JSON with sorted names and no spaces: equal values give equal text. */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, item]) => `${JSON.stringify(name)}:${canonicalJson(item as Json)}`).join(',')}}`;
}

/** Cache key of what goes into an artifact: sha256 of its canonical JSON, 64 hex digits. */
export function cacheKey(ingredients: Json): string {
  return createHash('sha256').update(canonicalJson(ingredients)).digest('hex');
}
