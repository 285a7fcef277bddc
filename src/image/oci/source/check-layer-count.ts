import type { ImageConfigDocument } from '../documents/image-config.ts';
import { manifestInvalid } from '../documents/manifest.ts';

/** @throws {GondolinError} IMAGE_MANIFEST_INVALID when the manifest has another number of layers than the configuration. */
export function checkLayerCount(
  layers: readonly unknown[],
  { diffIds }: Pick<ImageConfigDocument, 'diffIds'>,
  name: string,
): void {
  if (layers.length === diffIds.length) return;
  const problem = `its manifest has ${layers.length} layers and its configuration ${diffIds.length}`;
  throw manifestInvalid(name, problem);
}
