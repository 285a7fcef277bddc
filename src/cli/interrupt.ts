import { writeSync } from 'node:fs';
import { GondolinError } from '../errors/gondolin-error.ts';

const SHOW_CURSOR = '\u001b[?25h';

/**
 * Aborts on Ctrl-C, SIGTERM and SIGHUP. The first signal cancels the command, which then cleans up; the second exits
 * at once, and QEMU dies with this process.
 *
 * @param exit Ends the process; called on the second signal.
 * @returns Aborted with CLI_INTERRUPTED or CLI_TERMINATED, or by the caller.
 */
export function abortOnSignals(exit: (exitCode: number) => void): AbortController {
  const stopping = new AbortController();
  const listen = (signal: NodeJS.Signals, reason: GondolinError) => {
    process.on(signal, () => {
      if (stopping.signal.aborted) {
        if (process.stdout.isTTY) writeSync(1, SHOW_CURSOR);
        exit(reason.exit);
      }
      stopping.abort(reason);
    });
  };
  listen('SIGINT', new GondolinError('CLI_INTERRUPTED', 'interrupted by Ctrl-C'));
  listen('SIGTERM', new GondolinError('CLI_TERMINATED', 'terminated by SIGTERM'));
  listen('SIGHUP', new GondolinError('CLI_TERMINATED', 'the terminal was closed'));
  return stopping;
}
