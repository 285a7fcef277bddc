import { rm } from 'node:fs/promises';
import type { CheckedChange } from '../../project/overlays/check-changes.ts';
import { shownPath } from '../../project/overlays/kept-overlay.ts';
import { type CommandRun, chooseFormat } from '../command-context.ts';
import { writeText } from '../io.ts';
import { type OpenOverlay, openKeptChanges } from '../kept-changes.ts';
import { plainText } from '../ui/text/describe.ts';
import { type Paint, paintFor, type Tone } from '../ui/text/paint.ts';
import { usageError } from '../usage-error.ts';

interface DiffOptions {
  readonly patch?: boolean;
  readonly discard?: boolean;
}

const LETTERS: Readonly<Record<string, readonly [string, Tone]>> = {
  added: ['A', 'green'],
  modified: ['M', 'yellow'],
  deleted: ['D', 'red'],
};

const NOTES: Readonly<Record<CheckedChange['state'], string>> = {
  pending: '',
  applied: '',
  changed: 'the host changed it too',
  blocked: 'a link or file of the host is in its way',
  outside: 'a link that leads out of the volume',
  unsupported: 'the file system of the host has no extended attributes',
  protected: 'decides what guests may do or git runs: never applied',
  special: 'a socket, FIFO or device: never applied',
};

/** Returns the line of a change: `M src/a.js`. Names are the guest's: escape sequences in them are not printed. */
export function changeLine({ change, state }: CheckedChange, paint: Paint): string {
  const [letter, tone] = LETTERS[change.kind] ?? ['?', 'dim'];
  const note = NOTES[state] === '' ? '' : paint('dim', `  (${NOTES[state]})`);
  return `${paint(tone, letter)} ${plainText(shownPath(change))}${note}`;
}

/** Returns the lines of one volume: what the host does not have yet. */
export function overlayLines(
  { overlay, changes }: Pick<OpenOverlay, 'overlay' | 'changes'>,
  hasHead: boolean,
  paint: Paint,
): string[] {
  const head = `${overlay.sandbox} ${overlay.guestPath} (${overlay.hostPath})`;
  const open = changes.filter(({ state }) => state !== 'applied');
  return [
    ...(hasHead ? [paint('bold', plainText(head))] : []),
    ...open.map((one) => changeLine(one, paint)),
  ];
}

function asJson({ overlay, changes }: OpenOverlay) {
  const { project, sandbox, guestPath, hostPath, savedAtMs } = overlay;
  const facts = { project, sandbox, guestPath, hostPath, savedAtMs };
  const shown = changes.map(({ change, state }) => {
    const { kind, type, mode, sizeBytes } = change;
    return { path: shownPath({ ...change, type: 'file' }), kind, type, mode, sizeBytes, state };
  });
  return { ...facts, changes: shown };
}

/** `diff`: lists what the last run of sandboxes changed in their overlays, as lines, a patch or JSON, or forgets it. */
export const diffCommand: CommandRun<DiffOptions> = async ({ io, options, operands }) => {
  const format = chooseFormat(options, ['text', 'json']);
  if (options.patch === true && format === 'json') {
    throw usageError('--patch: it is text', 'Leave out --format json.');
  }
  const overlays = await openKeptChanges(io, options, operands);
  try {
    if (options.discard === true) {
      for (const { directory } of overlays) await rm(directory, { recursive: true, force: true });
      return 0;
    }
    if (format === 'json') {
      await writeText(io.stdout, `${JSON.stringify(overlays.map(asJson), null, 2)}\n`);
      return 0;
    }
    if (options.patch === true) {
      const { patchTexts } = await import('../overlay-patch.ts');
      for await (const text of patchTexts(overlays, io.stdout.isTTY === true)) {
        await writeText(io.stdout, text);
      }
      return 0;
    }
    const paint = paintFor(io.stdout, io.env);
    const lines = overlays.flatMap((one) => overlayLines(one, overlays.length > 1, paint));
    await writeText(io.stdout, lines.map((line) => `${line}\n`).join(''));
    return 0;
  } finally {
    for (const { target } of overlays) target.close();
  }
};
