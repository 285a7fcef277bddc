import type { SourceNode } from '../../config/yaml/source-node.ts';
import { hasCredential } from '../secret-look.ts';
import type { YamlValue } from '../yaml-writer.ts';
import { type ComposeService, keyOf, presentValue, textOf } from './compose-service.ts';
import { splitWords } from './split-words.ts';

/** The longest argument that Linux passes to a program, in bytes. */
const MAX_COMMAND_LENGTH = 131_072;
const CREDENTIAL =
  'it may contain a credential: take it from a variable, and give the sandbox a secret NAME@host';

/** A reference with blanks in its default would be split: Compose splits after it has substituted. */
function splitProblem(words: readonly string[] | null): string | null {
  if (words === null) return 'a quote in it is not closed';
  const isSplit = words.some((word) => word.split('${').length > word.split('}').length);
  return isSplit ? 'the default of a variable in it contains blanks' : null;
}

/** Words of a command or entrypoint, each with its variables converted; null with a remark when they cannot be carried over. */
export function wordsOf(
  service: ComposeService,
  node: SourceNode,
  key: string,
): readonly string[] | null {
  const { remarks } = service.context;
  const texts: string[] = [];
  const literals: string[] = [];
  for (const item of node.kind === 'list' ? node.items : [node]) {
    const text = textOf(service, item, key);
    if (text === null) return null;
    if (text.text.length > MAX_COMMAND_LENGTH) {
      remarks.left(node, key, 'it is too long for a command');
      return null;
    }
    const words = node.kind === 'list' ? [text.text] : splitWords(text.text);
    const problem = splitProblem(words);
    if (problem !== null) {
      remarks.left(node, key, problem);
      return null;
    }
    texts.push(...(words ?? []));
    literals.push(text.literal);
  }
  if (hasCredential(literals.join(' '))) {
    remarks.left(node, key, CREDENTIAL);
    return null;
  }
  return texts;
}

/** Matches words that use a variable. `$$` is a dollar. */
const HAS_VARIABLE = /(?<!\$)(?:\$\$)*\$\{/;

/** A script that runs words as they are, without the entrypoint that an image gives to a list. */
function asScript(words: readonly string[]): string {
  return `exec ${words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')}`;
}

/** The command of a service that has an entrypoint of its own, in an image that may have another. */
function ownEntrypoint(
  service: ComposeService,
  node: SourceNode,
  words: readonly string[],
): YamlValue | undefined {
  const { remarks } = service.context;
  const key = keyOf(service, 'entrypoint');
  if (words.some((word) => HAS_VARIABLE.test(word))) {
    remarks.left(node, key, 'it contains a variable: write run: as a command for a shell');
    return undefined;
  }
  remarks.changed(node, key, 'a shell of the image runs it, in place of the entrypoint');
  return asScript(words);
}

/**
 * Returns the command of a service as a list of words to run without a shell, as Compose runs it, or undefined if the service has
 * none.
 * @param isOci  The image is one of a registry, which passes a list to its entrypoint and has a command of its own.
 */
export function serviceCommand(service: ComposeService, isOci: boolean): YamlValue | undefined {
  const entrypoint = presentValue(service, 'entrypoint');
  const command = presentValue(service, 'command');
  if (!isOci && entrypoint === undefined && command === undefined) {
    const reason =
      'the service has no command; that of its image is not known here: add it as a step';
    service.context.remarks.left(service.node, keyOf(service, 'command'), reason);
    return undefined;
  }
  const words: string[] = [];
  for (const [key, node] of Object.entries({ entrypoint, command })) {
    if (node === undefined) continue;
    const found = wordsOf(service, node, keyOf(service, key));
    if (found === null) return undefined;
    words.push(...found);
  }
  if (!isOci) return words.length === 0 ? undefined : words;
  if (entrypoint === undefined) return words;
  return words.length === 0 ? undefined : ownEntrypoint(service, entrypoint, words);
}
