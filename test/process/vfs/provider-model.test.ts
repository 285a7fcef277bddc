import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errnoName } from '../../../src/protocol/errno.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../../src/vfs/file-mode.ts';
import { MemoryProvider } from '../../../src/vfs/memory-provider.ts';
import type { DirectoryEntry, VfsHandle, VfsNode, VfsProvider } from '../../../src/vfs/provider.ts';
import { RealFSProvider } from '../../../src/vfs/real-fs-provider.ts';
import { RemoteProvider } from '../../../src/vfs/remote/remote-provider.ts';
import { toErrno } from '../../../src/vfs/vfs-error.ts';
import { FileModel, linkCount, ModelError, type ModelNode } from '../../fixtures/file-model.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const USER = { uid: 0, gid: 0 };
const O_RDWR = 2;
const O_EXCL = 0o200;
const O_APPEND = 0o2000;
const PUNCH_HOLE = 3;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const TYPES = { file: S_IFREG, directory: S_IFDIR, link: S_IFLNK };

const name = fc.constantFrom('a', 'b', 'c');
const directory = fc.array(name, { maxLength: 2 });
const place = fc.record({ directory, name });
/** Over several chunks of 64 KiB and pages of 4 KiB. */
const offset = fc.oneof(fc.nat(300_000), fc.constantFrom(0, 4096, 65_535, 65_536, 131_072));
const data = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));

const operation = fc.oneof(
  fc.record({ op: fc.constant('create' as const), at: place }),
  fc.record({ op: fc.constant('mkdir' as const), at: place }),
  fc.record({ op: fc.constant('symlink' as const), at: place }),
  fc.record({ op: fc.constant('link' as const), from: place, at: place }),
  fc.record({ op: fc.constant('unlink' as const), at: place }),
  fc.record({ op: fc.constant('rmdir' as const), at: place }),
  fc.record({
    op: fc.constant('rename' as const),
    from: place,
    at: place,
    flags: fc.constantFrom(0, 0, 1, 2),
  }),
  fc.record({ op: fc.constant('open' as const), at: place }),
  fc.record({ op: fc.constant('write' as const), file: fc.nat(), offset, data }),
  fc.record({ op: fc.constant('append' as const), file: fc.nat(), data }),
  fc.record({ op: fc.constant('truncate' as const), file: fc.nat(), size: offset }),
  fc.record({ op: fc.constant('punch' as const), file: fc.nat(), offset, length: offset }),
  fc.record({ op: fc.constant('seek' as const), file: fc.nat(), offset }),
  fc.record({ op: fc.constant('forget' as const) }),
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

interface OpenFile {
  readonly handle: VfsHandle;
  readonly appending: VfsHandle;
  readonly node: VfsNode;
  readonly model: ModelNode;
}

async function outcome(work: () => unknown): Promise<string> {
  try {
    await work();
    return 'ok';
  } catch (error) {
    if (error instanceof ModelError) return error.message;
    return errnoName(toErrno(error));
  }
}

async function list(provider: VfsProvider, node: VfsNode): Promise<DirectoryEntry[]> {
  const listed = await provider.entries(node);
  const entries: DirectoryEntry[] = [];
  if (Symbol.asyncIterator in listed) for await (const batch of listed) entries.push(...batch);
  else entries.push(...listed);
  return entries.filter((entry) => entry.name !== '..');
}

/** Two open files to begin with: most operations are on these. */
const PRELUDE: readonly Operation[] = (['a', 'b'] as const).flatMap((file): Operation[] => {
  const at = { directory: [], name: file };
  return [
    { op: 'create', at },
    { op: 'open', at },
  ];
});

/** Does each operation on a provider and on the model, and compares what comes of it. */
class Comparison {
  readonly model = new FileModel();
  readonly provider: VfsProvider;
  readonly root: VfsNode;
  readonly known = new Set<VfsNode>();
  readonly files: OpenFile[] = [];

  constructor(provider: VfsProvider, root: VfsNode) {
    this.provider = provider;
    this.root = root;
  }

  async #lookup(parent: VfsNode, child: string): Promise<VfsNode> {
    const node = await this.provider.lookup(parent, child);
    this.known.add(node);
    return node;
  }

  async #walk(path: readonly string[]): Promise<VfsNode> {
    let node = this.root;
    for (const part of path) node = await this.#lookup(node, part);
    return node;
  }

  async run(step: Operation): Promise<void> {
    if (step.op === 'forget') return this.#forget();
    if ('file' in step) return this.#onFile(step);
    const parent = this.model.directory(step.at.directory);
    if (parent === null) return;
    const at = { parent, name: step.at.name };
    const node = await this.#walk(step.at.directory);
    if (step.op === 'open') return this.#open(at.parent.children.get(at.name), node, at.name);
    if (step.op === 'link' || step.op === 'rename') return this.#onTwo(step, at, node);
    const { provider } = this;
    const file = { mode: 0o644, rdev: 0, flags: O_RDWR | O_EXCL };
    const steps = {
      create: {
        wanted: () => this.model.make(at, 'file'),
        done: async () => {
          const made = await provider.create(node, at.name, file, USER);
          this.known.add(made.node);
          await provider.release(made.handle);
        },
      },
      mkdir: {
        wanted: () => this.model.make(at, 'directory'),
        done: () => provider.makeDirectory(node, at.name, 0o755, USER),
      },
      symlink: {
        wanted: () => this.model.make(at, 'link', at.name),
        done: () => provider.makeSymlink(node, at.name, Buffer.from(at.name), USER),
      },
      unlink: {
        wanted: () => this.model.unlink(at),
        done: () => provider.unlink(node, at.name),
      },
      rmdir: {
        wanted: () => this.model.removeDirectory(at),
        done: () => provider.removeDirectory(node, at.name),
      },
    };
    const { wanted, done } = steps[step.op];
    expect(await outcome(done)).toBe(await outcome(wanted));
  }

  async #onTwo(
    step: Extract<Operation, { op: 'link' | 'rename' }>,
    at: { readonly parent: ModelNode; readonly name: string },
    node: VfsNode,
  ): Promise<void> {
    const parent = this.model.directory(step.from.directory);
    if (parent === null) return;
    const from = { parent, name: step.from.name };
    const fromNode = await this.#walk(step.from.directory);
    if (step.op === 'rename') {
      const done = () => this.provider.rename(fromNode, from.name, node, at.name, step.flags);
      const wanted = await outcome(() => this.model.rename(from, at, step.flags));
      return expect(await outcome(done)).toBe(wanted);
    }
    const source = from.parent.children.get(from.name);
    if (source === undefined) return;
    const sourceNode = await this.#lookup(fromNode, from.name);
    const wanted = await outcome(() => this.model.link(source, at));
    expect(await outcome(() => this.provider.link(sourceNode, node, at.name))).toBe(wanted);
  }

  async #open(model: ModelNode | undefined, parent: VfsNode, child: string): Promise<void> {
    if (model?.kind !== 'file' || this.files.length >= 4) return;
    const node = await this.#lookup(parent, child);
    const handle = await this.provider.open(node, O_RDWR);
    const appending = await this.provider.open(node, O_RDWR | O_APPEND);
    this.files.push({ handle, appending, node, model });
  }

  async #onFile(step: Extract<Operation, { file: number }>): Promise<void> {
    const file = this.files[step.file % Math.max(1, this.files.length)];
    if (file === undefined) return;
    const { handle, appending, node, model } = file;
    if (step.op === 'write') {
      await this.provider.write(handle, step.data, step.offset, false);
      this.model.write(model, step.offset, step.data);
    } else if (step.op === 'append') {
      await this.provider.write(appending, step.data, 0, false);
      this.model.write(model, model.data.length, step.data);
    } else if (step.op === 'truncate') {
      await this.provider.setAttributes(node, { sizeBytes: step.size }, null);
      this.model.truncate(model, step.size);
    } else if (step.op === 'punch' && step.length > 0) {
      await this.provider.allocate(handle, PUNCH_HOLE, step.offset, step.length);
      this.model.punch(model, step.offset, step.length);
    } else if (step.op === 'seek') await this.#seek(file, step.offset);
    await this.#sameData(file);
  }

  /** Where data lies is the file system's choice; that holes are zeros is not. */
  async #seek({ handle, model }: OpenFile, from: number): Promise<void> {
    const size = model.data.length;
    const isZero = (start: number, end: number) =>
      model.data.subarray(start, end).every((byte) => byte === 0);
    const seek = async (whence: number, at = from) => {
      let found = -1;
      const result = await outcome(async () => {
        found = await this.provider.seek(handle, at, whence);
      });
      return { result, found };
    };
    const [toData, toHole] = [await seek(SEEK_DATA), await seek(SEEK_HOLE)];
    if (from >= size) {
      return expect([toData.result, toHole.result]).toEqual(['ENXIO', 'ENXIO']);
    }
    expect(toHole.result).toBe('ok');
    expect(toHole.found).toBeGreaterThanOrEqual(from);
    expect(toHole.found).toBeLessThanOrEqual(size);
    if (toHole.found > from) {
      expect((await seek(SEEK_DATA, toHole.found - 1)).found).toBe(toHole.found - 1);
    }
    if (toData.result === 'ok') {
      expect(toData.found).toBeGreaterThanOrEqual(from);
      expect(toData.found).toBeLessThan(size);
      expect(isZero(from, toData.found)).toBe(true);
      expect(toData.found === from).toBe(toHole.found > from);
    } else {
      expect(toData.result).toBe('ENXIO');
      expect([toHole.found, isZero(from, size)]).toEqual([from, true]);
    }
  }

  async #sameData({ handle, node, model }: OpenFile): Promise<void> {
    const target = Buffer.alloc(model.data.length + 10);
    const bytes = await this.provider.read(handle, target, 0);
    expect(bytes).toBe(model.data.length);
    expect(target.subarray(0, bytes).equals(model.data)).toBe(true);
    const attributes = await this.provider.attributes(node);
    expect([attributes.sizeBytes, attributes.nlink]).toEqual([bytes, model.names]);
  }

  /** The guest's kernel forgets what nobody uses. */
  #forget(): void {
    const used = new Set(this.files.map(({ node }) => node));
    for (const node of this.known)
      if (!used.has(node) && node !== this.root) this.provider.forget(node);
    this.known.clear();
  }

  async sameTree(node: VfsNode = this.root, model: ModelNode = this.model.root): Promise<void> {
    const attributes = await this.provider.attributes(node);
    expect(attributes.mode & S_IFMT).toBe(TYPES[model.kind]);
    // Btrfs and overlay file systems count 1 for each directory.
    if (model.kind !== 'directory' || attributes.nlink > 1) {
      expect(attributes.nlink).toBe(linkCount(model));
    }
    if (model.kind === 'file') expect(attributes.sizeBytes).toBe(model.data.length);
    if (model.kind === 'link') {
      expect((await this.provider.readLink(node)).toString()).toBe(model.target);
    }
    if (model.kind !== 'directory') return;
    const entries = await list(this.provider, node);
    const wanted = [...model.children].map(([child, { kind }]) => [child, TYPES[kind]]);
    expect(entries.map((entry) => [entry.name, entry.type]).toSorted()).toEqual(wanted.toSorted());
    for (const [child, below] of model.children) {
      await this.sameTree(await this.#lookup(node, child), below);
    }
  }
}

describe.each<{ name: string; runs: number; make: () => VfsProvider }>([
  { name: 'RealFSProvider', runs: 40, make: () => new RealFSProvider(temporaryDirectory()) },
  { name: 'MemoryProvider', runs: 200, make: () => new MemoryProvider() },
  {
    name: 'RemoteProvider',
    runs: 2,
    make: () => new RemoteProvider({ hostPath: temporaryDirectory(), readonlyPaths: [], ttlMs: 0 }),
  },
])('$name', ({ make, runs }) => {
  it('does what the model of a Linux file system does, whatever is asked of it', async () => {
    const steps = fc.array(operation, { maxLength: 60, size: 'max' });
    await fc.assert(
      fc.asyncProperty(steps, async (operations) => {
        const provider = make();
        const compared = new Comparison(provider, await provider.start(USER));
        try {
          for (const step of [...PRELUDE, ...operations]) await compared.run(step);
          await compared.sameTree();
        } finally {
          for (const { handle, appending } of compared.files) {
            await provider.release(handle);
            await provider.release(appending);
          }
          await provider.stop();
        }
      }),
      { numRuns: runs },
    );
  });
});
