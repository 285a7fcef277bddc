import { rm } from 'node:fs/promises';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { applyChanges, isConflict, isUnsupported } from '../../project/overlays/apply-changes.ts';
import type { CheckedChange } from '../../project/overlays/check-changes.ts';
import { shownPath } from '../../project/overlays/kept-overlay.ts';
import type { CommandRun } from '../command-context.ts';
import { type CliIo, writeText } from '../io.ts';
import { type OpenOverlay, openKeptChanges } from '../kept-changes.ts';
import { plainText } from '../ui/text/describe.ts';
import { type Paint, paintFor } from '../ui/text/paint.ts';
import { changeLine, overlayLines } from './diff.ts';

interface ApplyOptions {
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

const MAX_NAMED = 20;

/** Returns the first paths of some changes, as part of a sentence. */
function namesOf(changes: readonly CheckedChange[]): string {
  const named = changes.slice(0, MAX_NAMED).map(({ change }) => plainText(shownPath(change)));
  const more = changes.length > MAX_NAMED ? `, and ${changes.length - MAX_NAMED} more` : '';
  return `${named.join(', ')}${more}`;
}

/**
 * @throws {GondolinError} PROJECT_OVERLAY_CONFLICT with the paths that the host changed too, PROJECT_OVERLAY_ATTRIBUTES with those whose extended
 * attributes the host cannot keep.
 */
function refuseLosses(overlays: readonly OpenOverlay[]): void {
  const changes = overlays.flatMap((overlay) => overlay.changes);
  const conflicts = changes.filter(isConflict);
  if (conflicts.length > 0) {
    const message = `nothing was applied: the host has other files at ${namesOf(conflicts)}`;
    throw new GondolinError('PROJECT_OVERLAY_CONFLICT', message);
  }
  const unsupported = changes.filter(isUnsupported);
  if (unsupported.length === 0) return;
  const message = `nothing was applied: the host's file system has no extended attributes at ${namesOf(unsupported)}`;
  throw new GondolinError('PROJECT_OVERLAY_ATTRIBUTES', message);
}

async function applyOne(overlay: OpenOverlay, hasHead: boolean, paint: Paint, io: CliIo) {
  const { applied, skipped } = await applyChanges(overlay, overlay.target);
  const shown = { overlay: overlay.overlay, changes: applied.map(asDone) };
  const lines = overlayLines(shown, hasHead, paint);
  const left = skipped.map((one) => `${paint('yellow', 'not applied:')} ${changeLine(one, paint)}`);
  await writeText(io.stdout, [...lines, ...left].map((line) => `${line}\n`).join(''));
  // Skipped changes stay there for `diff`.
  if (skipped.length === 0) await rm(overlay.directory, { recursive: true, force: true });
}

/** Returns a change without the note that it had before; what it lost stays noted. */
function asDone(one: CheckedChange): CheckedChange {
  return isUnsupported(one) ? one : { ...one, state: 'pending' };
}

/**
 * `apply`: makes the host directories of overlays what the guests of the last run made of them. Nothing is written if the host has changed one of
 * the files since or cannot keep its extended attributes, unless it is forced.
 */
export const applyCommand: CommandRun<ApplyOptions> = async ({ io, options, operands }) => {
  const { force = false, dryRun = false } = options;
  const overlays = await openKeptChanges(io, options, operands);
  const paint = paintFor(io.stdout, io.env);
  const hasHeads = overlays.length > 1;
  try {
    if (dryRun) {
      const lines = overlays.flatMap((one) => overlayLines(one, hasHeads, paint));
      await writeText(io.stdout, lines.map((line) => `${line}\n`).join(''));
    }
    if (!force) refuseLosses(overlays);
    if (dryRun) return 0;
    for (const overlay of overlays) await applyOne(overlay, hasHeads, paint, io);
    return 0;
  } finally {
    for (const { target } of overlays) target.close();
  }
};
