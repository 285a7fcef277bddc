import { type AttributeSet, attributeSet, isSameSet } from '../real/attributes/attribute-set.ts';
import type { OverlayFile } from './overlay-file.ts';

/** Returns the extended attributes of a file of a layer; null when the layer keeps none. */
export async function readLayerAttributes({
  layer: { extendedAttributes },
  node,
  attributes: { mode },
}: OverlayFile): Promise<AttributeSet | null> {
  if (extendedAttributes === undefined) return null;
  const stored: [string, Buffer][] = [];
  for (const name of await extendedAttributes.list(node)) {
    const value = await extendedAttributes.get(node, name);
    if (value !== null) stored.push([name, value]);
  }
  return attributeSet(stored, mode);
}

/** Whether two files have the same extended attributes. A layer that keeps none counts as one whose files have none. */
export async function hasSameAttributes(one: OverlayFile, other: OverlayFile): Promise<boolean> {
  const none: AttributeSet = new Map();
  const [own, before] = [await readLayerAttributes(one), await readLayerAttributes(other)];
  return isSameSet(own ?? none, before ?? none);
}
