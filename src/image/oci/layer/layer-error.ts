import { GondolinError } from '../../../errors/gondolin-error.ts';

const SHOWN_BYTES = 120;

/** Shows a name of an archive: anything but printable ASCII is escaped, the middle of a long one is left out. */
export function shownName(name: string): string {
  const text = name.replaceAll(
    /[^\x20-\x7e]|["\\]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  if (text.length <= SHOWN_BYTES) return `"${text}"`;
  return `"${text.slice(0, SHOWN_BYTES / 2)}…${text.slice(-SHOWN_BYTES / 2)}"`;
}

/** Refuses an entry of an archive, by its name as the archive has it. */
export function entryRefused(name: string, problem: string): GondolinError {
  return new GondolinError(
    'IMAGE_LAYER_INVALID',
    `Cannot unpack the image: entry ${shownName(name)} ${problem}`,
    { details: { entry: shownName(name) } },
  );
}

/** Refuses a whole layer. */
export function layerRefused(problem: string, cause?: unknown): GondolinError {
  return new GondolinError('IMAGE_LAYER_INVALID', `Cannot unpack the image: ${problem}`, {
    cause,
  });
}
