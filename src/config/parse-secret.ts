import { formatHostPattern } from '../address/host-pattern.ts';
import { parseHostPattern } from '../address/parse-host-pattern.ts';
import { isVariableName } from '../util/variable-name.ts';

const FORMAT = '(format: NAME@host1,host2)';

/** A secret as `NAME@host1,host2` says it: the value is that of the variable NAME. */
export interface SecretReference {
  readonly name: string;
  /** Host entries in their one form, without repeats. */
  readonly hosts: readonly string[];
  /** What is wrong with hosts that are left out: `NAME: host 2: …`. Shows none of their texts. */
  readonly hostProblems: readonly string[];
}

/** Either what a text means, or what is wrong with it. No problem repeats the text: it may hold a value. */
export type SecretResult =
  | { readonly secret: SecretReference; readonly problem?: never }
  /** `isInline`: it is `NAME=VALUE@host`, whose value would stand where others can read it. */
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
 * Reads `NAME@host1,host2` as `ParseSecret` of the Go API does (the last `@` ends the name, hosts are trimmed, empty ones
 * left out) but for `NAME=VALUE@host`: nowhere that gondolin takes the short form may a value stand. Pure.
 */
export function parseSecret(text: string): SecretResult {
  if (text.includes('=')) return refuse('it holds a value', true);
  const at = text.lastIndexOf('@');
  if (at < 0) return refuse('missing @hosts');
  const name = text.slice(0, at);
  if (name === '') return refuse('secret name cannot be empty');
  if (!isVariableName(name)) {
    return refuse('secret name is no variable name: want letters, digits and _, not a digit first');
  }
  const words = text
    .slice(at + 1)
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
  if (words.length === 0) return refuse('no hosts specified after @');
  return { secret: readHosts(name, words) };
}
