import { mkdirSync, openSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { O_PATH } from '../../../src/vfs/file-mode.ts';
import { isSameInode } from '../../../src/vfs/real/nodes/real-node.ts';
import { RealNodeTable } from '../../../src/vfs/real/nodes/real-node-table.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const HELD = 16;

/** A table that keeps 16 descriptors, with `old` known and evicted by others. */
function tableWithEvicted(directory: string) {
  const names = Array.from({ length: 2 * HELD }, (_, index) => `f${index}`);
  for (const name of ['old', ...names]) writeFileSync(join(directory, name), '');
  const table = new RealNodeTable(() => HELD);
  onTestFinished(() => table.clear());
  const root = table.adopt(openSync(directory, O_PATH), null, '', null);
  const old = table.lookup(root, 'old');
  for (const name of names) table.lookup(root, name);
  expect(old.fd).toBe(-1);
  return { table, root, old };
}

/** Makes files until one has that inode number; null where the file system does not use numbers again. */
function reuse(directory: string, ino: bigint, make: (path: string) => void): string | null {
  for (let index = 0; index < 200; index++) {
    const path = join(directory, `new${index}`);
    make(path);
    if (statSync(path, { bigint: true }).ino === ino) return `new${index}`;
  }
  return null;
}

it.each([
  ['file', (path: string) => writeFileSync(path, 'new')],
  ['directory', (path: string) => mkdirSync(path)],
])('a new host %s with the inode number of an evicted node is another node', (_, make) => {
  const directory = temporaryDirectory();
  const { table, root, old } = tableWithEvicted(directory);
  rmSync(join(directory, 'old'));
  const name = reuse(directory, old.identity.ino, make);
  if (name === null) return expect(old.identity.birthNs).toBeGreaterThan(0n);
  const found = table.lookup(root, name);
  expect(found).not.toBe(old);
  expect(() => table.fd(old)).toThrow('ESTALE');
  table.forget(old);
  expect(table.lookup(root, name)).toBe(found);
});

it('isSameInode() compares device, number, birth and type', () => {
  const base = { key: '1:2:3', dev: 1n, ino: 2n, birthNs: 3n, type: 0o100000 };
  expect(isSameInode(base, { ...base })).toBe(true);
  expect(isSameInode(base, { ...base, key: '1:2:4', birthNs: 4n })).toBe(false);
  expect(isSameInode(base, { ...base, type: 0o040000 })).toBe(false);
});
