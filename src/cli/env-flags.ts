import { isVariableName } from '../util/variable-name.ts';
import type { CliIo } from './io.ts';
import { usageError } from './usage-error.ts';

/**
 * Returns the variables of `--env NAME=VALUE` and `--env NAME`, which passes the host's on, each as `NAME=value`.
 * @throws {GondolinError} CLI_USAGE, which shows no value.
 */
export function readEnvFlags(flags: readonly string[], env: CliIo['env']): string[] {
  return flags.map((flag) => {
    const at = flag.indexOf('=');
    const name = at < 0 ? flag : flag.slice(0, at);
    if (!isVariableName(name)) throw usageError('--env: want NAME=VALUE or NAME');
    const value = at < 0 ? env[name] : flag.slice(at + 1);
    if (value === undefined) throw usageError(`--env ${name}: the variable is not set here`);
    return `${name}=${value}`;
  });
}
