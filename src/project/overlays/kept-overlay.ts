import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import {
  boolean,
  decodeJson,
  integer,
  list,
  literal,
  nullable,
  object,
  text,
  withDefault,
} from '../../util/json-decoder.ts';
import { type KeptAttributeSet, keptAttributeSet } from './kept-attributes.ts';

/** Most changes that are kept of a volume, and most bytes of their files. */
export const MAX_KEPT_CHANGES = 200_000;
export const MAX_KEPT_BYTES = 2 ** 30;
const MANIFEST = 'changes.json';

/** `special`: a socket, FIFO or device, which is only listed. */
export type KeptType = 'file' | 'directory' | 'symlink' | 'special';

/** One path that a guest changed in an overlay. */
export interface KeptChange {
  /** Below the volume, with `/`; bytes as `latin1` text. */
  readonly path: string;
  readonly kind: 'added' | 'modified' | 'deleted';
  readonly type: KeptType;
  /** Permission bits, 0..0o777. */
  readonly mode: number;
  readonly sizeBytes: number;
  /** Decimal digits. */
  readonly mtimeNs: string;
  /** Number of the file with its content; null without one. Names of one file have the same. */
  readonly blob: number | null;
  /** Index in `KeptOverlay.attributeSets`; null in a volume without extended attributes, and for what has no mode of its own. */
  readonly attributeSet: number | null;
  /** Text of a symbolic link, bytes as `latin1`; null for anything else. */
  readonly target: string | null;
  /** Stamp of what the host had when the guest changed it; empty for nothing. */
  readonly base: string;
  /** The host had changed it before the VM ended. */
  readonly isStale: boolean;
}

/** The changes of one volume in the last run that made some. Plain data. */
export interface KeptOverlay {
  /** Version 1 has no extended attributes. */
  readonly version: 1 | 2;
  readonly project: string;
  readonly sandbox: string;
  readonly guestPath: string;
  readonly hostPath: string;
  readonly savedAtMs: number;
  readonly changes: readonly KeptChange[];
  readonly attributeSets: readonly KeptAttributeSet[];
}

const keptOverlay = object<KeptOverlay>({
  version: literal(1, 2),
  ...{ project: text(), sandbox: text(), guestPath: text(), hostPath: text() },
  savedAtMs: integer(),
  changes: list(
    object<KeptChange>({
      // No component is empty, `.` or `..`.
      path: text({ pattern: /^(?!\.{0,2}(?:\/|$))[^\0/]+(?:\/(?!\.{0,2}(?:\/|$))[^\0/]+)*$/ }),
      kind: literal('added', 'modified', 'deleted'),
      type: literal('file', 'directory', 'symlink', 'special'),
      mode: integer({ max: 0o777 }),
      sizeBytes: integer(),
      mtimeNs: text({ pattern: /^-?\d{1,20}$/ }),
      blob: nullable(integer()),
      attributeSet: withDefault(nullable(integer()), null),
      target: nullable(text()),
      base: text({ maxLength: 120 }),
      isStale: boolean,
    }),
    { maxLength: MAX_KEPT_CHANGES },
  ),
  attributeSets: withDefault(list(keptAttributeSet, { maxLength: MAX_KEPT_CHANGES }), []),
});

/** The place of the changes of one volume. */
export interface OverlayPlace {
  /** `Directories.overlays`. */
  readonly parent: string;
  readonly project: string;
  /** Directory of the project file: two checkouts have changes of their own. */
  readonly directory: string;
  readonly sandbox: string;
  readonly guestPath: string;
}

/** Returns the directory of a volume's changes. */
export function overlayDirectory(place: OverlayPlace): string {
  const { parent, project, directory, sandbox, guestPath } = place;
  const identity = JSON.stringify([directory, sandbox, guestPath]);
  const digest = createHash('sha256').update(identity).digest('hex').slice(0, 16);
  return join(parent, `${project}-${digest}`);
}

export function manifestPath(directory: string): string {
  return join(directory, MANIFEST);
}

/** Returns the file with the content of a change. */
export function blobPath(directory: string, blob: number): string {
  return join(directory, `${blob}.bin`);
}

/** Returns the names of a path for people; bytes that are not UTF-8 are U+FFFD. */
export function shownPath({ path, type }: Pick<KeptChange, 'path' | 'type'>): string {
  const name = Buffer.from(path, 'latin1').toString();
  return type === 'directory' ? `${name}/` : name;
}

/**
 * Reads the changes that the last run left.
 * @returns null when there are none.
 * @throws {GondolinError} PROJECT_OVERLAY_DAMAGED
 */
export async function readKept(directory: string): Promise<KeptOverlay | null> {
  const damaged = (problem: string, cause?: unknown) =>
    new GondolinError('PROJECT_OVERLAY_DAMAGED', `kept changes ${directory}: ${problem}`, {
      cause,
    });
  let json: string;
  try {
    json = await readFile(manifestPath(directory), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw damaged('they cannot be read', error);
  }
  const decoded = decodeJson(json, keptOverlay);
  if (!decoded.ok) throw damaged(decoded.problem);
  const { changes, attributeSets } = decoded.value;
  if (changes.some(({ attributeSet }) => (attributeSet ?? -1) >= attributeSets.length)) {
    throw damaged('attributes of a change are missing');
  }
  return decoded.value;
}
