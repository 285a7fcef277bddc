import type { Mount } from '../nodes/node-table.ts';
import type { NodePlace, VfsNode } from '../provider.ts';

/** Bounds a cycle of stale places on the host. Paths of Linux have fewer names. */
const MAX_DEPTH = 2_048;

/** Returns a name of one character per byte as text. */
export function nameText(name: string): string {
  return Buffer.from(name, 'latin1').toString('utf8');
}

/**
 * Finds the guest path of nodes: by the provider's `place`, or for a provider without one by the names under which the guest
 * looked its nodes up since this was created.
 */
export class NodePlaces {
  readonly #noted = new WeakMap<VfsNode, NodePlace>();

  /** Notes where the guest found a node. */
  note(mount: Mount, node: VfsNode, parent: VfsNode, name: string): void {
    if (mount.provider.place === undefined && node !== mount.root) {
      this.#noted.set(node, { parent, name });
    }
  }

  /** Absolute path of a node, or of the entry `name` of a directory. What is not known of it is left out. */
  pathOf(mount: Mount, node: VfsNode, name?: string): string {
    const names = name === undefined ? [] : [nameText(name)];
    let at = node;
    for (let depth = 0; at !== mount.root && depth < MAX_DEPTH; depth++) {
      const place = this.#placeOf(mount, at);
      if (place === null) break;
      names.push(nameText(place.name));
      at = place.parent;
    }
    return [mount.path, ...names.reverse()].join('/');
  }

  #placeOf({ provider }: Mount, node: VfsNode): NodePlace | null {
    if (provider.place !== undefined) return provider.place(node);
    return this.#noted.get(node) ?? null;
  }
}
