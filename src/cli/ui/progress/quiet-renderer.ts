import type { CliOutput } from '../../io.ts';
import type { Paint } from '../text/paint.ts';
import { FailedOutput } from './failed-output.ts';
import { outputPrefix } from './plain-renderer.ts';
import type { RunRenderer } from './run-renderer.ts';

/** `--progress quiet`: prints the output of each step and service that fails, when it fails, and nothing else. */
export function createQuietRenderer(
  output: CliOutput,
  options: { readonly paint: Paint; readonly keepColours: boolean },
): RunRenderer {
  const prefix = (step: { sandbox: string; step: string }) =>
    options.paint('dim', outputPrefix(step));
  const failed = new FailedOutput({ ...options, prefix });
  let printing = Promise.resolve();
  return {
    onEvent: (event) => {
      failed.onEvent(event);
      if (event.type === 'step-finished' || event.type === 'service-exited') {
        printing = printing.then(() => failed.print(output));
        return printing;
      }
      return undefined;
    },
    end: async () => {
      await printing;
      failed.dispose();
    },
  };
}
