import { entryRefused } from './layer-error.ts';
import { LAYER_LIMITS } from './limits.ts';

/**
 * Takes the path of an entry apart. A leading `/` and `./` mean the root, as Docker reads them; `..` is refused wherever it
 * stands. The root itself has no parts.
 *
 * @throws {GondolinError} IMAGE_LAYER_INVALID naming the entry.
 */
export function splitEntryPath(path: string, entryName = path): string[] {
  if (path.length > LAYER_LIMITS.pathBytes) {
    throw entryRefused(entryName, `has a path of ${path.length} bytes`);
  }
  if (path.includes('\0')) throw entryRefused(entryName, 'has a path with a NUL');
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  for (const part of parts) {
    if (part === '..') throw entryRefused(entryName, 'has a path with ".."');
    if (part.length > LAYER_LIMITS.nameBytes) {
      throw entryRefused(entryName, `has a name of ${part.length} bytes`);
    }
  }
  return parts;
}

/** The meaning of a name for the layers below: none, one of their names is gone, or all in the directory are. */
export type LayerMark =
  | { readonly kind: 'none' }
  | { readonly kind: 'whiteout'; readonly name: string }
  | { readonly kind: 'opaque' }
  /** Records of AUFS about itself, which mean nothing elsewhere. */
  | { readonly kind: 'skipped' };

const PREFIX = '.wh.';

/** Reads the last part of a path. @see OCI image-spec layer.md, "Whiteouts" */
export function readLayerMark(last: string, entryName: string): LayerMark {
  if (!last.startsWith(PREFIX)) return { kind: 'none' };
  const name = last.slice(PREFIX.length);
  if (name === '.wh..opq') return { kind: 'opaque' };
  if (name.startsWith(PREFIX)) return { kind: 'skipped' };
  if (name === '' || name === '.' || name === '..') {
    throw entryRefused(entryName, 'removes nothing that has a name');
  }
  return { kind: 'whiteout', name };
}
