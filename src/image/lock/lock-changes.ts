import type { ImageLock } from './lock-file.ts';

/** One difference of two locks. `before` is null for an image that is new, `after` for one that is gone. */
export interface LockChange {
  readonly reference: string;
  readonly before: string | null;
  readonly after: string | null;
}

/** Lists what differs, in the order of the references. */
export function lockChanges(
  before: ImageLock['images'],
  after: ImageLock['images'],
): readonly LockChange[] {
  const references = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...references]
    .toSorted()
    .map((reference) => ({
      reference,
      before: digestOf(before, reference),
      after: digestOf(after, reference),
    }))
    .filter((change) => change.before !== change.after);
}

function digestOf(images: ImageLock['images'], reference: string): string | null {
  return Object.hasOwn(images, reference) ? (images[reference]?.digest ?? null) : null;
}
