import { rm } from 'node:fs/promises';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { applyChanges, isConflict } from '../../project/overlays/apply-changes.ts';
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

/** @throws {GondolinError} PROJECT_OVERLAY_CONFLICT with the paths that the host changed too. */
function refuseConflicts(overlays: readonly OpenOverlay[]): void {
  const conflicts = overlays.flatMap(({ changes }) => changes.filter(isConflict));
  if (conflicts.length === 0) return;
  const named = conflicts.slice(0, MAX_NAMED).map(({ change }) => plainText(shownPath(change)));
  const more = conflicts.length > MAX_NAMED ? `, and ${conflicts.length - MAX_NAMED} more` : '';
  const message = `nothing was applied: the host has other files at ${named.join(', ')}${more}`;
  throw new GondolinError('PROJECT_OVERLAY_CONFLICT', message);
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

function asDone<T extends { readonly state: unknown }>(one: T) {
  return { ...one, state: 'pending' as const };
}

/**
 * `apply`: makes the host directories of overlays what the guests of the last run made of them. Nothing is written if the host has changed one of
 * the files since, unless it is forced.
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
    if (!force) refuseConflicts(overlays);
    if (dryRun) return 0;
    for (const overlay of overlays) await applyOne(overlay, hasHeads, paint, io);
    return 0;
  } finally {
    for (const { target } of overlays) target.close();
  }
};
