import { GondolinError } from '../errors/gondolin-error.ts';
import { packageVersion } from '../host/package-root.ts';
import { endWithTerminal } from './end-with-terminal.ts';
import { abortOnSignals } from './interrupt.ts';
import type { CliIo } from './io.ts';

function endProcess(exitCode: number): never {
  endWithTerminal();
  process.exit(exitCode);
}

const stopping = abortOnSignals(endProcess);

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

/** True when errors are to be printed as JSON. Read before parsing, so that a usage error is JSON too. */
function wantsJson(argv: readonly string[]): boolean {
  return argv.some((word, index) => {
    const [name, value = argv[index + 1]] = word.split('=', 2);
    return (name === '--format' || name === '--progress') && value === 'json';
  });
}

/**
 * Runs one command line. Never rejects: errors are printed on standard error.
 * @param argv The arguments without the names of Node and of the script.
 * @returns The exit code.
 */
async function runCli(argv: readonly string[]): Promise<number> {
  const separator = argv.indexOf('--');
  const own = separator < 0 ? argv : argv.slice(0, separator);
  const trailing = separator < 0 ? null : argv.slice(separator + 1);
  try {
    const { runProgram } = await import('./program.ts');
    return await runProgram({ argv: own, trailing, io, version: packageVersion() });
  } catch (error) {
    const { reportError } = await import('./report-error.ts');
    // After Ctrl-C the interruption is the reason, whatever failed because of it.
    const cause: unknown = io.signal.aborted ? io.signal.reason : error;
    return reportError(cause, io, {
      isJson: wantsJson(own),
      isDebug: own.includes('--debug'),
    });
  }
}

async function main(): Promise<number> {
  const exitCode = await runCli(process.argv.slice(2));
  await flush(process.stdout);
  if (outputFailure === undefined || exitCode !== 0) return exitCode;
  const { reportError } = await import('./report-error.ts');
  return reportError(outputFailure, io, { isJson: false, isDebug: false });
}

void main().then(async (exitCode) => {
  await flush(process.stderr);
  endProcess(exitCode);
});
