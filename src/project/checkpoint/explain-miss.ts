import type { KeyChain, Part } from './key-chain.ts';

/** A sandbox's chain when its newest checkpoint was last saved or restored. */
export type ChainRecord = KeyChain;

const NEVER_SAVED = 'no checkpoint yet';

/** Returns the labels of the parts that differ, in the order of `now`, then those that were removed. */
function changes(before: readonly Part[], now: readonly Part[]): string[] {
  const old = new Map(before);
  const labels = new Set(now.map(([label]) => label));
  const changed = now.flatMap(([label, digest]) => {
    const was = old.get(label);
    if (was === digest) return [];
    return [was === undefined ? `${label} added` : `${label} changed`];
  });
  const gone = before.flatMap(([label]) => (labels.has(label) ? [] : [`${label} removed`]));
  const found = [...changed, ...gone];
  if (found.length > 0) return found;
  const isSameOrder = before.every(([label], index) => label === now[index]?.[0]);
  return isSameOrder ? [] : ['order of volumes changed'];
}

function sentence(found: readonly string[]): string | null {
  const [first, ...rest] = found;
  if (first === undefined) return null;
  return rest.length === 0 ? first : `${first} (and ${rest.length} more)`;
}

/**
 * Explains why there is no checkpoint after step `index`, as a sentence part such as `input package.json changed`: the first
 * part up to that step that differs from the record. Pure.
 */
export function explainMiss(record: ChainRecord | null, now: KeyChain, index: number): string {
  if (record === null) return NEVER_SAVED;
  const base = sentence(changes(record.base, now.base));
  if (base !== null) return base;
  for (const [at, link] of now.links.slice(0, index + 1).entries()) {
    const old = record.links[at];
    if (old === undefined) return NEVER_SAVED;
    const found = sentence(changes(old.parts, link.parts));
    if (found !== null) return at === index ? found : `step ${link.name}: ${found}`;
  }
  return NEVER_SAVED;
}
