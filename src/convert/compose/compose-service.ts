import { getChild, type MapNode, type SourceNode } from '../../config/yaml/source-node.ts';
import type { ConvertContext } from '../convert-context.ts';
import { type ComposeText, fromComposeText } from './interpolation.ts';

/** One service of a Compose file while it is converted. */
export interface ComposeService {
  readonly context: ConvertContext;
  /** Its name in the file. */
  readonly name: string;
  readonly node: MapNode;
  /** Names of sandboxes by names of services. */
  readonly sandboxes: ReadonlyMap<string, string>;
  /** Names of the services whose command could be carried over. */
  readonly running: ReadonlySet<string>;
}

/** Returns the value of a key, or undefined if it is missing or empty. */
export function presentValue({ node }: ComposeService, key: string): SourceNode | undefined {
  const child = getChild(node, key);
  return child?.kind === 'scalar' && child.value === null ? undefined : child;
}

/** Key path for remarks. */
export function keyOf({ name }: ComposeService, ...path: readonly string[]): string {
  return ['services', name, ...path].join('.');
}

type Readable = Exclude<ComposeText, { problem: string }>;

/** Returns the text of a scalar with its variables converted; null with a remark for anything else. */
export function textOf(service: ComposeService, node: SourceNode, key: string): Readable | null {
  const { remarks } = service.context;
  if (node.kind !== 'scalar') {
    remarks.left(node, key, 'it is not a text');
    return null;
  }
  const found = fromComposeText(node.text);
  if (found.problem === undefined) return found;
  remarks.left(node, key, `it contains ${found.problem}`);
  return null;
}

/** Returns the text of a scalar without variables; null with a remark for anything else. */
export function plainTextOf(service: ComposeService, node: SourceNode, key: string): string | null {
  const found = textOf(service, node, key);
  if (found === null) return null;
  if (!found.hasReference) return found.literal;
  service.context.remarks.left(node, key, 'it contains a variable, which could not be checked');
  return null;
}
