import { GondolinError } from '../../errors/gondolin-error.ts';
import {
  anything,
  boolean,
  integer,
  list,
  object,
  text,
  withDefault,
} from '../../util/json-decoder.ts';
import { S_IFMT } from '../file-mode.ts';
import type { ProviderSnapshot, VfsHandle, VfsNode } from '../provider.ts';
import { MAX_STATE_HANDLES, MAX_STATE_NODES } from '../snapshot/fuse-state.ts';
import { digits, readState, refuseState, savedName } from '../snapshot/read-state.ts';
import { savedStamp } from './lower-stamp.ts';
import type { OverlayHandle, OverlayNode } from './overlay-node.ts';
import { MAX_HIDDEN, type OverlayNodes, type SavedDevice } from './overlay-nodes.ts';

const MAX_DEPTH = 2_000;
const NONE = -1;

interface SavedNode {
  /** Index among the nodes of the layer, -1 for none. */
  readonly upper: number;
  readonly lower: number;
  /** Index of the parent, which comes before, and the name; -1 and nothing for the root and for nodes without a name. */
  readonly parent: number;
  readonly name: string;
  readonly type: number;
  readonly ino: string;
  readonly device: SavedDevice;
  readonly lowerLinks: number;
  readonly hiddenLinks: number;
  readonly isGone: boolean;
  readonly hidden: readonly string[];
  readonly stamps: readonly string[];
}

interface SavedHandle {
  readonly node: number;
  readonly isUpper: boolean;
  /** Index among the handles of the layer. */
  readonly handle: number;
}

interface OverlayState {
  readonly upper: unknown;
  readonly lower: unknown;
  /** The root first. */
  readonly tree: readonly SavedNode[];
  /** Index in `tree` of each node of the server. */
  readonly nodes: readonly number[];
  readonly handles: readonly SavedHandle[];
}

/** Gives each thing an index. */
class Indices<T> {
  readonly items: T[] = [];
  readonly #places = new Map<T, number>();

  of(item: T | null): number {
    if (item === null) return NONE;
    const known = this.#places.get(item);
    if (known !== undefined) return known;
    this.#places.set(item, this.items.length);
    return this.items.push(item) - 1;
  }
}

/** Saves and restores both layers, and what only the overlay knows. */
export class OverlaySnapshot implements ProviderSnapshot {
  readonly #nodes: OverlayNodes;
  readonly #upper: ProviderSnapshot;
  readonly #lower: ProviderSnapshot;

  constructor(nodes: OverlayNodes, upper: ProviderSnapshot, lower: ProviderSnapshot) {
    this.#nodes = nodes;
    this.#upper = upper;
    this.#lower = lower;
  }

  async save(
    nodes: readonly OverlayNode[],
    handles: readonly OverlayHandle[],
  ): Promise<OverlayState> {
    const [upper, lower] = [new Indices<VfsNode>(), new Indices<VfsNode>()];
    const open = { upper: new Indices<VfsHandle>(), lower: new Indices<VfsHandle>() };
    const tree: SavedNode[] = [];
    const places = new Map<OverlayNode, number>();
    const place = (node: OverlayNode, depth = 0): number => {
      const known = places.get(node);
      if (known !== undefined) return known;
      if (depth > MAX_DEPTH) {
        throw new GondolinError('SNAPSHOT_UNSUPPORTED', 'its directories are nested too deeply');
      }
      const parent = node.place === null ? NONE : place(node.place.parent, depth + 1);
      const { type, lowerLinks, hiddenLinks, isGone } = node;
      places.set(node, tree.length);
      return (
        tree.push({
          ...{ upper: upper.of(node.upper), lower: lower.of(node.lower), parent },
          ...{ name: node.place?.name ?? '', type, lowerLinks, hiddenLinks, isGone },
          ...{ ino: `${node.ino}`, device: this.#nodes.savedDevice(node.device) },
          hidden: [...node.hidden.keys()],
          stamps: [...node.hidden.values()].map(savedStamp),
        }) - 1
      );
    };
    place(this.#nodes.root);
    for (const node of this.#nodes.all()) place(node);
    return {
      nodes: nodes.map((node) => place(node)),
      handles: handles.map(({ node, inner: { isUpper, handle } }) => ({
        ...{ node: place(node), isUpper },
        handle: (isUpper ? open.upper : open.lower).of(handle),
      })),
      tree,
      upper: await this.#upper.save(upper.items, open.upper.items),
      lower: await this.#lower.save(lower.items, open.lower.items),
    };
  }

  async restore(untrusted: unknown) {
    const state = readOverlayState(untrusted);
    const upper = await this.#upper.restore(state.upper);
    const lower = await this.#lower.restore(state.lower);
    const tree: (OverlayNode | null)[] = [];
    for (const [index, saved] of state.tree.entries()) {
      const parent = saved.parent === NONE ? null : (tree[saved.parent] ?? null);
      const layers = {
        upper: upper.nodes[saved.upper] ?? null,
        lower: lower.nodes[saved.lower] ?? null,
      };
      const isLost = (layers.upper ?? layers.lower) === null;
      if (index === 0) tree.push(this.#nodes.restoreRoot(saved));
      else tree.push(isLost ? null : this.#nodes.restore({ ...saved, ...layers, parent }));
    }
    const give = (node: OverlayNode | null) => {
      if (node !== null) node.isGiven = true;
      return node;
    };
    return {
      nodes: state.nodes.map((place) => give(tree[place] ?? null)),
      handles: state.handles.map(({ node: place, isUpper, handle: index }) => {
        const node = tree[place] ?? null;
        const handle = (isUpper ? upper : lower).handles[index] ?? null;
        if (node === null || handle === null) return null;
        node.uses++;
        return { node, inner: { isUpper, handle }, change: null };
      }),
    };
  }
}

const index = integer({ min: NONE, max: 2 * MAX_STATE_NODES });

const overlayState = object<OverlayState>({
  upper: anything,
  lower: anything,
  tree: list(
    object<SavedNode>({
      ...{ upper: index, lower: index, parent: index },
      // The root has none.
      name: text({ maxLength: 255 }),
      type: integer({ max: S_IFMT }),
      ino: digits,
      device: text({ pattern: /^(upper|lower|\d{1,20})$/ }),
      ...{ lowerLinks: integer(), hiddenLinks: integer(), isGone: boolean },
      hidden: list(savedName, { maxLength: MAX_HIDDEN }),
      stamps: withDefault(list(text({ maxLength: 150 }), { maxLength: MAX_HIDDEN }), []),
    }),
    { maxLength: 2 * MAX_STATE_NODES },
  ),
  nodes: list(integer(), { maxLength: MAX_STATE_NODES }),
  handles: list(
    object<SavedHandle>({
      node: integer(),
      isUpper: boolean,
      handle: integer(),
    }),
    { maxLength: MAX_STATE_HANDLES },
  ),
});

/** Checks what holds between the parts: the root comes first, and parents before what is in them. */
function readOverlayState(value: unknown): OverlayState {
  const state = readState(value, overlayState);
  const { tree, nodes, handles } = state;
  for (const [place, { parent, name }] of tree.entries()) {
    if (parent >= place || (place === 0 && parent !== NONE)) {
      throw refuseState(`tree[${place}]: wrong parent`);
    }
    if (parent !== NONE) readState(name, savedName);
  }
  const places = [...nodes, ...handles.map(({ node }) => node)];
  if (tree.length === 0 || places.some((place) => place >= tree.length)) {
    throw refuseState('place in the tree');
  }
  return state;
}
