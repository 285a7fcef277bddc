import { basename } from 'node:path';
import { proxyEnvironment } from '../../host/image-environment.ts';
import { type LockChange, lockChanges } from '../../image/lock/lock-changes.ts';
import { formatLock, type ImageLock, readLock } from '../../image/lock/lock-file.ts';
import { lockableReference } from '../../image/lock/locked-plan.ts';
import { lookUpDigests } from '../../image/lock/look-up-digests.ts';
import { lockPath } from '../../plan/lock-path.ts';
import type { Plan } from '../../plan/plan.ts';
import { type CommandRun, chooseFormat } from '../command-context.ts';
import { writeText } from '../io.ts';
import { openUnlockedPlan, planForSandboxes, projectFile } from '../open-project.ts';
import { plainText } from '../ui/text/describe.ts';
import { writeNewFile } from '../write-new-file.ts';

function referencesOf({ sandboxes }: Plan): string[] {
  const references = sandboxes.map(lockableReference).filter((found) => found !== null);
  return [...new Set(references)].toSorted();
}

function describeLockChange({ reference, before, after }: LockChange): string {
  if (before === null) return `+ ${reference} ${after}`;
  if (after === null) return `- ${reference} ${before}`;
  return `~ ${reference} ${before} -> ${after}`;
}

/** Those that were asked for as they are now, the others of the project as they were. */
function merged(
  known: ImageLock['images'],
  wanted: readonly string[],
  found: ImageLock['images'],
): ImageLock['images'] {
  return Object.fromEntries(
    wanted.flatMap((reference) => {
      const image = found[reference] ?? known[reference];
      return image === undefined ? [] : [[reference, image]];
    }),
  );
}

/**
 * `lock`: asks the registries what the images of the project are now, and writes their digests to its lock file. With names, asks
 * only for the images of these sandboxes.
 */
export const lockCommand: CommandRun = async ({ io, options, operands }) => {
  const format = chooseFormat(options, ['text', 'json']);
  const whole = await openUnlockedPlan(io, options);
  const chosen = operands.length === 0 ? whole : planForSandboxes(whole, operands, options);
  const path = lockPath(whole.configFiles[0] ?? projectFile(io, options));
  const before = await readLock(path);
  const found = await lookUpDigests(referencesOf(chosen), {
    env: io.env,
    environment: proxyEnvironment(),
    signal: io.signal,
    onLookUp: (name) => void writeText(io.stderr, `looking up ${plainText(name)}\n`),
  });
  const known = before?.images ?? {};
  const images = merged(known, referencesOf(whole), found);
  const changes = lockChanges(known, images);
  if (changes.length > 0) await writeNewFile(io, path, formatLock({ images }), true);
  if (format === 'json') {
    await writeText(io.stdout, `${JSON.stringify({ file: path, images, changes }, null, 2)}\n`);
    return 0;
  }
  const count = Object.keys(images).length;
  const total = count === 1 ? '1 image' : `${count} images`;
  const head = `${basename(path)}: ${total}, ${changes.length === 0 ? 'nothing changed' : 'changed:'}`;
  const lines = [head, ...changes.map((change) => `  ${describeLockChange(change)}`)];
  await writeText(io.stdout, `${lines.map((line) => `${plainText(line)}\n`).join('')}`);
  return 0;
};
