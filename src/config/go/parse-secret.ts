import { parseHostPattern } from '../../address/parse-host-pattern.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { isShowableName } from '../../util/variable-name.ts';
import { splitSecretText } from '../secret-text.ts';

/**
 * A secret of the Go API's `ParseSecret`, in the form that `createHttpHooks` takes.
 *
 * @example
 * const { name, secret }: ParsedSecret = parseSecret('NPM_TOKEN=abc123@registry.example.com');
 * const { httpHooks, env } = createHttpHooks({ secrets: { [name]: secret } });
 */
export interface ParsedSecret {
  readonly name: string;
  readonly secret: { readonly value: string; readonly hosts: readonly string[] };
}

const FORMAT = '(format: NAME=VALUE@host1,host2 or NAME@host1,host2)';

function invalid(message: string): GondolinError {
  return new GondolinError('CONFIG_SECRET_INVALID', message);
}

/**
 * Parses `NAME=VALUE@host1,host2` or `NAME@host1,host2`. The last `@` ends the value, the first `=` the name; without `=` the value is
 * that of the environment variable NAME. A value on a command line can be read by other users: prefer the second form.
 *
 * @param env  The environment. @default process.env
 * @throws {GondolinError} CONFIG_SECRET_INVALID; the message shows the name at most, never the rest of the text.
 *
 * @example
 * const { name, secret } = parseSecret('GITHUB_TOKEN@api.github.com');
 * const { httpHooks, env } = createHttpHooks({ secrets: { [name]: secret } });
 */
export function parseSecret(
  text: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): ParsedSecret {
  const parts = splitSecretText(text);
  if (parts === null) throw invalid(`missing @hosts ${FORMAT}`);
  const { name, hosts } = parts;
  if (hosts.length === 0) throw invalid('no hosts specified after @');
  if (name === '') throw invalid('secret name cannot be empty');
  for (const [index, host] of hosts.entries()) {
    const { problem } = parseHostPattern(host, { allowsTcp: false, allowsWide: false });
    if (problem !== undefined) throw invalid(`host ${index + 1}: ${problem}`);
  }
  const value = parts.value ?? env[name] ?? '';
  if (parts.value === null && value === '') throw notSet(name);
  return { name, secret: { value, hosts } };
}

/** The name is shown only where it can be one: someone may have typed the value in its place. */
function notSet(name: string): GondolinError {
  const shown = isShowableName(name) ? `$${name}` : 'of that name';
  return invalid(
    `environment variable ${shown} is not set (hint: export it, or pass it on with sudo -E)`,
  );
}
