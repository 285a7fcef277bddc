import { writeSync } from 'node:fs';
import { GondolinError } from '../errors/gondolin-error.ts';
import type { CliIo } from './io.ts';
import { runCli } from './main.ts';

const SHOW_CURSOR = '\u001b[?25h';

const stopping = new AbortController();

/** The first signal cancels and cleans up; the second ends at once, and QEMU dies with this process. */
function stopOn(signal: NodeJS.Signals, reason: GondolinError): void {
  process.on(signal, () => {
    if (stopping.signal.aborted) {
      if (process.stdout.isTTY) writeSync(1, SHOW_CURSOR);
      process.exit(reason.exit);
    }
    stopping.abort(reason);
  });
}

stopOn('SIGINT', new GondolinError('CLI_INTERRUPTED', 'interrupted by Ctrl-C'));
stopOn('SIGTERM', new GondolinError('CLI_TERMINATED', 'ended by SIGTERM'));
stopOn('SIGHUP', new GondolinError('CLI_TERMINATED', 'the terminal went away'));

let outputFailure: GondolinError | undefined;

/** A reader that went away (`| head`) is no failure; an output that cannot be written is. */
for (const output of [process.stdout, process.stderr]) {
  output.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    const message = `output cannot be written: ${error.message}`;
    outputFailure ??= new GondolinError('CLI_OUTPUT_FAILED', message, { cause: error });
    stopping.abort(outputFailure);
  });
}

/** Resolves when everything written so far went out, or cannot. */
function flush(output: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => output.write('', () => resolve()));
}

const io: CliIo = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  signal: stopping.signal,
};
async function main(): Promise<number> {
  const exitCode = await runCli(process.argv.slice(2), io);
  await flush(process.stdout);
  if (outputFailure === undefined || exitCode !== 0) return exitCode;
  const { reportError } = await import('./report-error.ts');
  return reportError(outputFailure, io, { isJson: false, isDebug: false });
}

void main().then(async (exitCode) => {
  await flush(process.stderr);
  process.exit(exitCode);
});
