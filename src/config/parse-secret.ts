import { formatHostPattern } from '../address/host-pattern.ts';
import { parseHostPattern } from '../address/parse-host-pattern.ts';
import { isVariableName } from '../util/variable-name.ts';
import { splitSecretText } from './secret-text.ts';

const FORMAT = '(format: NAME@host1,host2)';

/** A secret in the short form `NAME@host1,host2`: its value is that of the host's variable NAME. */
export interface SecretReference {
  readonly name: string;
  /** Host patterns in canonical form, without repeats. */
  readonly hosts: readonly string[];
  /** The problems of hosts that are left out, such as `NAME: host 2: …`. They show nothing of the hosts' texts. */
  readonly hostProblems: readonly string[];
}

/** Either the parsed secret, or what is wrong with the text. No problem repeats the text: it may contain a value. */
export type SecretResult =
  | { readonly secret: SecretReference; readonly problem?: never }
  /** `isInline`: the text is `NAME=VALUE@host`, whose value others could read. */
  | { readonly problem: string; readonly isInline: boolean; readonly secret?: never };

function refuse(problem: string, isInline = false): SecretResult {
  return { problem: `${problem} ${FORMAT}`, isInline };
}

function readHosts(name: string, words: readonly string[]): SecretReference {
  const results = words.map((word) =>
    parseHostPattern(word, { allowsTcp: false, allowsWide: false }),
  );
  const hosts = results.flatMap(({ pattern }) =>
    pattern === undefined ? [] : formatHostPattern(pattern),
  );
  const hostProblems = results.flatMap(({ problem }, index) =>
    problem === undefined ? [] : `${name}: host ${index + 1}: ${problem}`,
  );
  return { name, hosts: [...new Set(hosts)], hostProblems };
}

/**
 * Parses `NAME@host1,host2` as `ParseSecret` of the Go API does (the last `@` ends the name, hosts are trimmed, empty ones
 * left out), except that `NAME=VALUE@host` is refused: gondolin accepts no value in the short form. Pure.
 */
export function parseSecretReference(text: string): SecretResult {
  if (text.includes('=')) return refuse('it contains a value', true);
  const parts = splitSecretText(text);
  if (parts === null) return refuse('missing @hosts');
  const { name, hosts: words } = parts;
  if (name === '') return refuse('secret name cannot be empty');
  if (!isVariableName(name)) {
    return refuse(
      'secret name is not a variable name: want letters, digits and _, not starting with a digit',
    );
  }
  if (words.length === 0) return refuse('no hosts specified after @');
  return { secret: readHosts(name, words) };
}
