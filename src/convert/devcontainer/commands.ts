import type { MapNode, SourceNode } from '../../config/yaml/source-node.ts';
import { hasCredential } from '../secret-look.ts';
import { type YamlValue, yamlMap } from '../yaml-writer.ts';
import type { Devcontainer } from './convert-devcontainer.ts';

/** Commands that run in the container, in the order in which they run there. */
const IN_ORDER = [
  'onCreateCommand',
  'updateContentCommand',
  'postCreateCommand',
  'postStartCommand',
];
const STEP_NAME = /^[A-Za-z0-9][A-Za-z0-9 _.:/-]{0,63}$/;

/** Returns the command of a step: text for a shell, or a list of words. */
function commandOf(file: Devcontainer, node: SourceNode, key: string): YamlValue | undefined {
  const { remarks } = file.context;
  const texts: string[] = [];
  for (const item of node.kind === 'list' ? node.items : [node]) {
    const found = file.read(item, key);
    if (found === null) return undefined;
    if (hasCredential(found.literal)) {
      remarks.left(node, key, 'it may contain a credential: take it from a variable or a secret');
      return undefined;
    }
    texts.push(found.text);
  }
  if (texts.join('').trim() === '') return undefined;
  return node.kind === 'list' ? texts : texts[0];
}

/** Converts the commands that prepare a dev container to steps. */
export function convertCommands(file: Devcontainer, tree: MapNode): YamlValue[] {
  const names = new Set<string>();
  return IN_ORDER.flatMap((key) => {
    const node = tree.entries.get(key)?.value;
    if (node === undefined) return [];
    const parts: (readonly [string, SourceNode])[] =
      node.kind === 'map'
        ? [...node.entries].map(([name, { value }]) => [`${key}: ${name}`, value])
        : [[key, node]];
    return parts.flatMap(([part, command]) => {
      const run = commandOf(file, command, key);
      if (run === undefined) return [];
      const name = STEP_NAME.test(part) && !names.has(part) ? part : undefined;
      names.add(part);
      return [
        yamlMap([
          ['name', name],
          ['run', run],
        ]),
      ];
    });
  });
}
