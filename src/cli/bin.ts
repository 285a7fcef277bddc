import { GondolinError } from '../errors/gondolin-error.ts';
import { abortOnSignals } from './interrupt.ts';
import type { CliIo } from './io.ts';
import { runCli } from './main.ts';

const stopping = abortOnSignals((exitCode) => process.exit(exitCode));

let outputFailure: GondolinError | undefined;

/** A closed pipe (`| head`) is not an error; any other failed write of output is. */
for (const output of [process.stdout, process.stderr]) {
  output.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    const message = `output cannot be written: ${error.message}`;
    outputFailure ??= new GondolinError('CLI_OUTPUT_FAILED', message, { cause: error });
    stopping.abort(outputFailure);
  });
}

/** Resolves when everything written so far has been passed to the system, or cannot be. */
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
