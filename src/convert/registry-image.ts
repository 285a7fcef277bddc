import { parseImageReference } from '../address/parse-image-reference.ts';
import { literalText, type YamlEntry } from './yaml-writer.ts';

const NO_REGISTRY = 'It names no registry: GONDOLIN_REGISTRY says which one is meant.';

/** The image of a foreign file as the project file names it, or why it cannot be used. */
export type RegistryImage =
  | { readonly entry: YamlEntry; readonly problem?: never }
  | { readonly problem: string; readonly entry?: never };

/** Returns the entry `image:` for the reference of a Compose or dev container file. A name alone is that of its tag `latest`. */
export function registryImage(text: string): RegistryImage {
  const { reference, problem } = parseImageReference(text);
  if (problem !== undefined) return { problem };
  // A name alone would be a key of `images:`.
  const isNameAlone = !/[:/@]/.test(text);
  const value = literalText(isNameAlone ? `${text}:latest` : text);
  const comment = reference.registry === null ? { comment: [NO_REGISTRY] } : {};
  return { entry: { key: 'image', value, ...comment } };
}
