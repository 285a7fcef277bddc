import type { CliIo } from './io.ts';
import { readVersion } from './read-version.ts';

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
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  const separator = argv.indexOf('--');
  const own = separator < 0 ? argv : argv.slice(0, separator);
  const trailing = separator < 0 ? null : argv.slice(separator + 1);
  try {
    const { runProgram } = await import('./program.ts');
    return await runProgram({ argv: own, trailing, io, version: await readVersion() });
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
