import { GondolinError } from '../../errors/gondolin-error.ts';
import { SecretValue } from './secret-value.ts';

/** What one `NAME=VALUE@host1,host2` text means. Printing it does not show the value. */
export class ParsedSecret {
  readonly name: string;
  readonly hosts: readonly string[];
  readonly #value: SecretValue;

  constructor(name: string, hosts: readonly string[], value: string) {
    this.name = name;
    this.hosts = hosts;
    this.#value = new SecretValue(value);
  }

  /** The value itself; may be empty. */
  get value(): string {
    return this.#value.reveal();
  }
}

const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** What people call variables, as opposed to a token that was put where the name belongs. */
const TELLABLE_NAME = /^(?:[A-Z_][A-Z0-9_]{0,63}|[A-Za-z_][A-Za-z0-9_]{0,15})$/;

function invalid(message: string): GondolinError {
  return new GondolinError('NET_SECRET_INVALID', message);
}

function readVariable(name: string, env: Readonly<Record<string, string | undefined>>): string {
  const value = env[name];
  if (value !== undefined && value !== '') return value;
  const shown = TELLABLE_NAME.test(name) ? `$${name} ` : '';
  throw invalid(
    `environment variable ${shown}is not set (hint: export it, or use sudo -E to keep the environment)`,
  );
}

/**
 * Reads `NAME=VALUE@host1,host2` or `NAME@host1,host2` (the value is then that of the variable NAME) as `ParseSecret`
 * of the Go API does: the last `@` ends the value, the first `=` begins it. The text itself is never shown.
 * @throws {GondolinError} NET_SECRET_INVALID with the text of the Go API.
 */
export function parseSecret(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): ParsedSecret {
  const at = text.lastIndexOf('@');
  if (at < 0) {
    throw invalid('missing @hosts (format: NAME=VALUE@host1,host2 or NAME@host1,host2)');
  }
  const hosts = text
    .slice(at + 1)
    .split(',')
    .map((host) => host.trim())
    .filter((host) => host !== '');
  if (hosts.length === 0) throw invalid('no hosts specified after @');
  const left = text.slice(0, at);
  const equals = left.indexOf('=');
  const name = equals < 0 ? left : left.slice(0, equals);
  if (name === '') throw invalid('secret name cannot be empty');
  if (!VARIABLE_NAME.test(name)) {
    throw invalid('secret name is no variable name: want letters, digits and _, not a digit first');
  }
  const value = equals < 0 ? readVariable(name, env) : left.slice(equals + 1);
  return new ParsedSecret(name, hosts, value);
}
