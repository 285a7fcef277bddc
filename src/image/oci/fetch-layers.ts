import { eachAtOnce } from '../../util/each-at-once.ts';
import { formatBytes } from '../../util/quantities.ts';
import { printableTitle } from '../cache/manifest.ts';
import type { ImageContext } from '../guest-image.ts';
import type { FoundImage } from './find-image.ts';
import type { LayerFile } from './layer/merge-layers.ts';
import type { LayerSource } from './source/resolved-image.ts';

/** Layers that are downloaded at once. */
const DOWNLOADS = 4;

/**
 * Fetches all layers, some at once; when one fails the others are stopped.
 * @param held  Receives what the caller has to release, in any case.
 * @param share  Part of the whole work that this is, for the progress.
 */
export async function fetchLayers(
  layers: readonly LayerSource[],
  { name, diffIds }: Pick<FoundImage, 'name' | 'diffIds'>,
  held: { release(): void }[],
  context: ImageContext,
  share: number,
): Promise<LayerFile[]> {
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  const total = layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const shownTotal = formatBytes(total);
  const bytes = layers.map(() => 0);
  const progress = progressReporter(context, 'download', (fraction) => {
    const done = formatBytes(Math.round((total * fraction) / share));
    return `downloading ${printableTitle(name)}, ${done} of ${shownTotal}`;
  });
  const files = new Map<number, LayerFile>();
  await eachAtOnce(layers, { limit: DOWNLOADS, failed }, async (layer, index) => {
    const file = await layer.fetch(signal, (count) => {
      bytes[index] = count;
      const sum = bytes.reduce((all, one) => all + one, 0);
      progress((share * sum) / Math.max(1, total));
    });
    held.push(file);
    const { sizeBytes } = layer;
    files.set(index, { sizeBytes, diffId: diffIds[index] ?? '', open: file.open });
  });
  signal.throwIfAborted();
  return layers.map((_layer, index) => files.get(index)).filter((file) => file !== undefined);
}

/** Tells a progress once it has changed by a hundredth, and never a smaller one. */
export function progressReporter(
  { onEvent }: ImageContext,
  phase: string,
  message: string | ((fraction: number) => string),
): (fraction: number) => void {
  let told = -1;
  return (fraction) => {
    const hundredths = Math.floor(fraction * 100);
    if (hundredths <= told) return;
    told = hundredths;
    const text = typeof message === 'string' ? message : message(fraction);
    onEvent({ level: 'info', artifact: 'rootfs', phase, message: text, fraction });
  };
}
