import { GondolinError } from '../../errors/gondolin-error.ts';
import { integer, list, object, text, tuple } from '../../util/json-decoder.ts';
import { O_ACCMODE, O_APPEND, S_IFMT } from '../file-mode.ts';
import type { ProviderSnapshot } from '../provider.ts';
import { MAX_STATE_HANDLES, MAX_STATE_NODES } from '../snapshot/fuse-state.ts';
import { digits, readState, refuseState, savedName } from '../snapshot/read-state.ts';
import { parseVirtualStat, type VirtualStatStore } from './attributes/virtual-stat.ts';
import { identityKey, type RealNode } from './nodes/real-node.ts';
import type { RealNodeTable } from './nodes/real-node-table.ts';
import { TreeSearch } from './nodes/tree-search.ts';
import type { RealHandle } from './open-files.ts';

/** Parts of the provider that a snapshot needs. */
interface RealParts {
  readonly nodes: RealNodeTable;
  readonly stats: VirtualStatStore;
  root(): RealNode | null;
  give(node: RealNode): RealNode;
  open(node: RealNode, flags: number): RealHandle;
}

/** Index of the parent, name, device, inode, birth time in ns, S_IFMT bits. The root has parent -1. */
type SavedNode = readonly [number, string, string, string, string, number];

interface RealState {
  readonly rootDevice: string;
  /** Parents first. */
  readonly tree: readonly SavedNode[];
  /** Index in `tree` of each node of the server, -1 for a file without a name. */
  readonly nodes: readonly number[];
  /** Index in `tree` and flags of each handle. */
  readonly handles: readonly (readonly [number, number])[];
  /** Device, inode, birth time in ns and text of each virtual stat that is kept in memory. */
  readonly stats: readonly (readonly [string, string, string, string])[];
}

const MAX_DEPTH = 2_000;
const GONE = -1;

/** Saves and restores the nodes of a host directory by their names and inode identities. */
export class RealSnapshot implements ProviderSnapshot {
  readonly #parts: RealParts;

  constructor(parts: RealParts) {
    this.#parts = parts;
  }

  save(nodes: readonly RealNode[], handles: readonly RealHandle[]): RealState {
    const tree: SavedNode[] = [];
    const places = new Map<string, number>();
    const place = (node: RealNode, depth = 0): number => {
      const { key, dev, ino, birthNs, type } = node.identity;
      const known = places.get(key);
      if (known !== undefined) return known;
      if (depth > MAX_DEPTH) {
        throw new GondolinError('SNAPSHOT_UNSUPPORTED', 'its directories are nested too deeply');
      }
      const parent = node.parent === null ? GONE : place(node.parent, depth + 1);
      places.set(key, tree.length);
      return tree.push([parent, node.name, `${dev}`, `${ino}`, `${birthNs}`, type]) - 1;
    };
    const findable = (node: RealNode) => (node.isUnlinked ? GONE : place(node));
    return {
      rootDevice: `${this.#parts.root()?.identity.dev ?? 0n}`,
      nodes: nodes.map(findable),
      handles: handles.map(({ node, flags }) => [findable(node), flags & (O_ACCMODE | O_APPEND)]),
      stats: this.#parts.stats.exportMemory().map(([key, text]) => {
        const [dev = '', ino = '', birth = ''] = key.split(':');
        return [dev, ino, birth, text] as const;
      }),
      tree,
    };
  }

  restore(untrusted: unknown): {
    nodes: (RealNode | null)[];
    handles: (RealHandle | null)[];
  } {
    const root = this.#parts.root();
    if (root === null) throw refuseState('the mount is not started');
    const state = readRealState(untrusted);
    const saved = BigInt(state.rootDevice);
    // A file system may have another device number after the host restarts.
    const device = (text: string) => (BigInt(text) === saved ? root.identity.dev : BigInt(text));
    for (const [dev, ino, birth, text] of state.stats) {
      const stat = parseVirtualStat(text);
      const key = identityKey({ dev: device(dev), ino: BigInt(ino), birthNs: BigInt(birth) });
      if (stat !== null) this.#parts.stats.importMemory(key, stat);
    }
    const tree = this.#restoreTree(state, root, device);
    const search = new TreeSearch(this.#parts.nodes, root);
    this.#parts.nodes.findLost = (node) => search.find(node);
    const give = (node: RealNode | undefined) =>
      node === undefined ? null : this.#parts.give(node);
    return {
      // Each is searched for when the guest uses it: there may be a hundred thousand.
      nodes: state.nodes.map((place) => give(tree[place])),
      handles: state.handles.map(([place, flags]) => this.#reopen(tree[place], flags)),
    };
  }

  #restoreTree(
    { tree }: RealState,
    root: RealNode,
    device: (text: string) => bigint,
  ): readonly RealNode[] {
    const nodes: RealNode[] = [];
    for (const [parentPlace, name, dev, ino, birth, type] of tree) {
      const parent = nodes[parentPlace];
      const numbers = { dev: device(dev), ino: BigInt(ino), birthNs: BigInt(birth) };
      const identity = { ...numbers, key: identityKey(numbers), type };
      nodes.push(parent === undefined ? root : this.#parts.nodes.restore(identity, parent, name));
    }
    return nodes;
  }

  #reopen(node: RealNode | undefined, flags: number): RealHandle | null {
    if (node === undefined) return null;
    try {
      this.#parts.nodes.locate(node);
      return this.#parts.open(node, flags);
    } catch {
      // Gone, or no longer permitted: the guest's handle is lost.
      return null;
    }
  }
}

const MAX_STAT_LENGTH = 80;
const MAX_NAME_LENGTH = 255;

const realState = object<RealState>({
  rootDevice: digits,
  tree: list(
    tuple<SavedNode>(
      integer({ min: GONE }),
      // The root has none.
      text({ maxLength: MAX_NAME_LENGTH }),
      digits,
      digits,
      digits,
      integer({ max: S_IFMT }),
    ),
    { maxLength: 2 * MAX_STATE_NODES },
  ),
  nodes: list(integer({ min: GONE }), { maxLength: MAX_STATE_NODES }),
  handles: list(
    tuple<[number, number]>(integer({ min: GONE }), integer({ max: O_ACCMODE | O_APPEND })),
    { maxLength: MAX_STATE_HANDLES },
  ),
  stats: list(
    tuple<[string, string, string, string]>(
      digits,
      digits,
      digits,
      text({ maxLength: MAX_STAT_LENGTH }),
    ),
    { maxLength: MAX_STATE_NODES },
  ),
});

/** Checks what holds between the parts: parents come first, and nothing leads out of the tree. */
function readRealState(value: unknown): RealState {
  const state = readState(value, realState);
  const depths: number[] = [];
  const tree = state.tree.map((node, index): SavedNode => {
    const [parent, name, dev, ino, birth, type] = node;
    const depth = (depths[parent] ?? -1) + 1;
    depths.push(depth);
    const isRoot = parent === GONE;
    if (parent >= index || isRoot !== (index === 0) || depth > MAX_DEPTH) {
      throw refuseState(`tree[${index}]: wrong parent`);
    }
    const own = isRoot ? '' : readState(name, savedName);
    return [parent, own, dev, ino, birth, type & S_IFMT];
  });
  const places = [...state.nodes, ...state.handles.map(([place]) => place)];
  if (places.some((place) => place >= tree.length)) throw refuseState('place in the tree');
  return { ...state, tree };
}
