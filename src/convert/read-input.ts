import { basename } from 'node:path';
import type { FileAccess } from '../config/file-access.ts';
import type { Issue } from '../config/issue.ts';
import { parseYaml } from '../config/yaml/parse-yaml.ts';
import type { MapNode } from '../config/yaml/source-node.ts';
import { GondolinError } from '../errors/gondolin-error.ts';
import { printable } from '../protocol/printable.ts';
import { blankComments } from './blank-comments.ts';

/**
 * Reads a foreign file as a tree of values with places, within the bounds of project files: bytes, depth, number of values.
 * @throws {GondolinError} CONVERT_INPUT_UNREADABLE, CONVERT_INPUT_INVALID with the place.
 */
export function readInput(path: string, access: FileAccess, form: 'yaml' | 'json'): MapNode {
  const { text, problem } = access.readText(path);
  if (text === undefined) {
    throw new GondolinError(
      'CONVERT_INPUT_UNREADABLE',
      `cannot read ${printable(path)}: ${problem}`,
    );
  }
  const plain = text.replace(/^\uFEFF/, '');
  const file = { path, text: form === 'json' ? blankComments(plain) : plain };
  const issues: Issue[] = [];
  const tree = parseYaml(file, issues);
  const [first] = issues;
  if (first !== undefined) throw invalidInput(first.message, first.at);
  if (tree?.kind !== 'map') {
    throw invalidInput('want a map of keys', { file: path, line: 1, col: 1 });
  }
  return tree;
}

/** Returns the error for a file that cannot be converted at all. */
export function invalidInput(message: string, at: Issue['at']): GondolinError {
  return new GondolinError(
    'CONVERT_INPUT_INVALID',
    `${printable(basename(at.file))}: ${printable(message, 400)}`,
    { at },
  );
}
