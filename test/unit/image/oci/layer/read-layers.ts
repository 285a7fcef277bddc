import { type LayerNode, LayerTree } from '../../../../../src/image/oci/layer/layer-tree.ts';
import { TarReader } from '../../../../../src/image/oci/layer/tar-reader.ts';

/** The tree of some archives, read in pieces of `pieceBytes`. */
export function readLayers(archives: readonly Buffer[], pieceBytes = 1000): LayerTree {
  const tree = new LayerTree();
  for (const [layer, archive] of archives.entries()) {
    let index = 0;
    const reader = new TarReader({
      onEntry: (entry) => {
        tree.apply(entry, layer, index);
        index += 1;
        return false;
      },
      onContent: () => undefined,
      onContentEnd: () => undefined,
    });
    for (let offset = 0; offset < archive.length; offset += pieceBytes) {
      reader.write(archive.subarray(offset, offset + pieceBytes));
    }
    reader.end();
  }
  return tree;
}

/** Paths of a tree with a letter for the type: `d etc`, `f etc/passwd`, `l bin>usr/bin`. */
export function listTree(node: LayerNode, path = ''): string[] {
  const letters = {
    file: 'f',
    symlink: 'l',
    directory: 'd',
    character: 'c',
    block: 'b',
    fifo: 'p',
  };
  return [...(node.children ?? [])].toSorted().flatMap(([name, child]) => {
    const own = path === '' ? name : `${path}/${name}`;
    const link = child.inode.type === 'symlink' ? `>${child.inode.linkName}` : '';
    return [`${letters[child.inode.type]} ${own}${link}`, ...listTree(child, own)];
  });
}
