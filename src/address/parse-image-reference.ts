/** A reference to an image as it is written: what is left out is null. */
export interface ImageReferenceText {
  /** Host, and port if it is not the usual one, in lower case: `registry.example.com:5000`. */
  readonly registry: string | null;
  /** Path in the registry: `team/app`. */
  readonly repository: string;
  readonly tag: string | null;
  /** `sha256:` and 64 hex digits. */
  readonly digest: string | null;
}

/** Either what a text means, or what is wrong with it. */
export type ImageReferenceResult =
  | { readonly reference: ImageReferenceText; readonly problem?: never }
  | { readonly problem: string; readonly reference?: never };

/** The registry of names without one, and what comes before a name of one part there: empty, or such as `library`. */
export interface DefaultRegistry {
  readonly registry: string;
  readonly namespace: string;
}

const NAME_MAX = 255;
const HOST =
  /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:]+\])(?::[0-9]{1,5})?$/i;
const PART = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
/** Docker takes these for ids of images, which registries do not know. */
const IMAGE_ID = /^[0-9a-f]{64}$/;

/**
 * Reads a reference by the rules of Docker: the first part is a registry if it has a dot or a colon or is `localhost`.
 * @see github.com/distribution/reference, reference.go
 */
export function parseImageReference(text: string): ImageReferenceResult {
  const [beforeDigest = '', digest = null, ...more] = text.split('@');
  if (more.length > 0) return { problem: 'it has more than one "@"' };
  if (digest !== null && !DIGEST.test(digest)) {
    return { problem: `"${digest}" is not "sha256:" and 64 lower-case hexadecimal digits` };
  }
  const [name, tag] = splitTag(beforeDigest);
  if (tag !== null && !TAG.test(tag)) return { problem: `"${tag}" is not a tag` };
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const hasRegistry = /[.:[A-Z]/.test(first) || first === 'localhost';
  if (hasRegistry && !HOST.test(first)) return { problem: `"${first}" is not a registry` };
  const repository = hasRegistry ? name.slice(slash + 1) : name;
  const problem = pathProblem(repository);
  if (problem !== null) return { problem };
  const registry = hasRegistry ? first.toLowerCase() : null;
  return { reference: { registry, repository, tag, digest } };
}

/** A colon after the last slash starts a tag; one before it is that of a port. */
function splitTag(text: string): [string, string | null] {
  const colon = text.lastIndexOf(':');
  if (colon <= text.lastIndexOf('/')) return [text, null];
  return [text.slice(0, colon), text.slice(colon + 1)];
}

function pathProblem(path: string): string | null {
  if (path === '') return 'the name is missing';
  if (path.length > NAME_MAX) return `the name is longer than ${NAME_MAX}`;
  if (IMAGE_ID.test(path)) return 'it is the id of an image, not a name';
  const wrong = path.split('/').find((part) => !PART.test(part));
  if (wrong === undefined) return null;
  const why = /[A-Z]/.test(wrong) ? ': names are in lower case' : '';
  return `"${wrong}" is not a part of a name${why}`;
}

/** Reads `HOST` or `HOST/NAMESPACE`; null for another form. */
export function parseDefaultRegistry(text: string): DefaultRegistry | null {
  const [registry = '', ...parts] = text.split('/');
  if (!HOST.test(registry) || !parts.every((part) => PART.test(part))) return null;
  return { registry: registry.toLowerCase(), namespace: parts.join('/') };
}
