import { open } from 'node:fs/promises';
import { createTwoFilesPatch } from 'diff';
import { type CheckedChange, hasOtherAttributes } from '../project/overlays/check-changes.ts';
import { keptAttributesOf } from '../project/overlays/kept-attributes.ts';
import { blobPath, shownPath } from '../project/overlays/kept-overlay.ts';
import type { OpenOverlay } from './kept-changes.ts';
import { plainText } from './ui/text/describe.ts';

/** Larger files are only named, and so are those that cannot be compared within the time. */
const MAX_TEXT_BYTES = 1024 * 1024;
const COMPARE_LIMIT_MS = 2_000;
const NOTHING = '/dev/null';

/** Returns a text of at most 1 MiB; null for one that is larger or not text. */
function asText(bytes: Uint8Array): string | null {
  if (bytes.length > MAX_TEXT_BYTES || bytes.includes(0)) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

async function readStart(path: string): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(MAX_TEXT_BYTES + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Names with control characters or quotes are written as `git diff` does. */
function quoted(prefix: string, path: string): string {
  const name = `${prefix}/${path}`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is quoted.
  return /[\u0000-\u001f"\\\u007f]/.test(name) ? JSON.stringify(name) : name;
}

/** The texts of a change before and after it; null for what is not text. */
async function textsOf({ change, host }: CheckedChange, { target, directory }: OpenOverlay) {
  const hasOld = change.kind !== 'added' && typeof host !== 'string' && host.kind === 'file';
  const before = hasOld ? await target.read(change.path, MAX_TEXT_BYTES + 1) : Buffer.alloc(0);
  const after =
    change.blob === null ? Buffer.alloc(0) : await readStart(blobPath(directory, change.blob));
  return { before: asText(before), after: asText(after) };
}

/** Returns the line for a file or directory of the host that has other extended attributes; empty for anything else. */
async function attributesPart({ change, host }: CheckedChange, open: OpenOverlay): Promise<string> {
  const isBoth = typeof host !== 'string' && host.kind === change.type;
  if (change.kind !== 'modified' || !isBoth) return '';
  const attributes = keptAttributesOf(open.overlay, change);
  const isOther = await hasOtherAttributes(open.target, change, attributes);
  const path = shownPath({ ...change, type: 'file' });
  return isOther ? `${quoted('a', path)}: attributes changed\n` : '';
}

async function patchOf(checked: CheckedChange, overlay: OpenOverlay): Promise<string> {
  const attributes = await attributesPart(checked, overlay);
  const { path, blob } = checked.change;
  const hasSameContent =
    attributes !== '' &&
    blob !== null &&
    (await overlay.target.hasContent(path, blobPath(overlay.directory, blob)));
  return hasSameContent ? attributes : attributes + (await contentPart(checked, overlay));
}

async function contentPart(checked: CheckedChange, overlay: OpenOverlay): Promise<string> {
  const { change } = checked;
  const path = shownPath({ ...change, type: 'file' });
  const from = change.kind === 'added' ? NOTHING : quoted('a', path);
  const to = change.kind === 'deleted' ? NOTHING : quoted('b', path);
  if (change.type !== 'file') return '';
  const { before, after } = await textsOf(checked, overlay);
  const differ = `Binary files ${from} and ${to} differ\n`;
  if (before === null || after === null) return differ;
  const options = { context: 3, timeout: COMPARE_LIMIT_MS };
  const patch: string | undefined = createTwoFilesPatch(from, to, before, after, '', '', options);
  // The line of signs that it begins with is no part of a patch.
  return patch === undefined ? differ : patch.replace(/^=+\n/, '');
}

/**
 * Yields the changes of files as a unified patch, one text for each. It is that of the guest's files to what the host has now.
 * @param isTerminal  Leaves out what a terminal would obey.
 */
export async function* patchTexts(
  overlays: readonly OpenOverlay[],
  isTerminal: boolean,
): AsyncGenerator<string, void> {
  for (const overlay of overlays) {
    for (const checked of overlay.changes) {
      if (checked.state === 'applied') continue;
      const patch = await patchOf(checked, overlay);
      yield isTerminal ? patch.split('\n').map(plainText).join('\n') : patch;
    }
  }
}
