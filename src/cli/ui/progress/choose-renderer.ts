import type { CliIo } from '../../io.ts';
import { hasColours, paintFor } from '../text/paint.ts';
import { withCiSections } from './ci-sections.ts';
import { createJsonRenderer } from './json-renderer.ts';
import { createPlainRenderer } from './plain-renderer.ts';
import type { ProgressMode } from './progress-mode.ts';
import { createQuietRenderer } from './quiet-renderer.ts';
import { createRawRenderer } from './raw-renderer.ts';
import type { RunRenderer } from './run-renderer.ts';

/** Creates the renderer of a run. @param raw  The sandbox of `run SANDBOX -- CMD`, whose command has standard output. */
export async function createRenderer(
  mode: Exclude<ProgressMode, 'auto'>,
  raw: string | null,
  io: CliIo,
): Promise<RunRenderer> {
  const { stdout, stderr, env } = io;
  if (mode === 'json') return createJsonRenderer(stdout);
  if (raw !== null && mode === 'quiet')
    return { onEvent: () => undefined, end: async () => undefined };
  if (raw !== null) return createRawRenderer(stderr, paintFor(stderr, env), raw);
  const options = {
    paint: paintFor(stdout, env),
    keepColours: stdout.isTTY === true && hasColours(stdout, env),
  };
  if (mode === 'quiet') return createQuietRenderer(stdout, options);
  if (mode === 'plain') return withCiSections(createPlainRenderer(stdout, options), stdout, env);
  const { createTtyRenderer } = await import('./tty-renderer.ts');
  return createTtyRenderer(stdout, stderr, options);
}
