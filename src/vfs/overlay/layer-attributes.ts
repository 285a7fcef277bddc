import { type AttributeSet, attributeSet, isSameSet } from '../real/attributes/attribute-set.ts';
import type { OverlayFile } from './overlay-file.ts';

/** Returns the extended attributes of a file; of a layer that keeps none, nothing. */
export async function readLayerAttributes({
  layer: { extendedAttributes },
  node,
  attributes: { mode },
}: OverlayFile): Promise<AttributeSet> {
  const stored: [string, Buffer][] = [];
  for (const name of (await extendedAttributes?.list(node)) ?? []) {
    const value = await extendedAttributes?.get(node, name);
    if (value != null) stored.push([name, value]);
  }
  return attributeSet(stored, mode);
}

export async function hasSameAttributes(one: OverlayFile, other: OverlayFile): Promise<boolean> {
  return isSameSet(await readLayerAttributes(one), await readLayerAttributes(other));
}
