import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { writeAcl } from '../../../src/vfs/acl/node-acls.ts';
import { ACL_ACCESS, ACL_DEFAULT, ACL_TAG, encodeAcl } from '../../../src/vfs/acl/posix-acl.ts';
import { MemoryProvider } from '../../../src/vfs/memory-provider.ts';
import { OverlayProvider } from '../../../src/vfs/overlay-provider.ts';
import type { VfsNode, VfsProvider } from '../../../src/vfs/provider.ts';
import { RealFSProvider } from '../../../src/vfs/real-fs-provider.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const USER = { uid: 0, gid: 0 };
const O_RDWR = 2;
/** Owner rw, user 1000 rw, group r, mask rw, others nothing. */
const NAMED = encodeAcl([
  { tag: ACL_TAG.USER_OBJ, permissions: 6, id: 0 },
  { tag: ACL_TAG.USER, permissions: 6, id: 1000 },
  { tag: ACL_TAG.GROUP_OBJ, permissions: 4, id: 0 },
  { tag: ACL_TAG.MASK, permissions: 6, id: 0 },
  { tag: ACL_TAG.OTHER, permissions: 0, id: 0 },
]);

async function setAcl(provider: VfsProvider, node: VfsNode, name: string): Promise<void> {
  const { extendedAttributes } = provider;
  if (extendedAttributes === undefined) return expect.unreachable();
  await writeAcl({ node, mount: { provider } }, extendedAttributes, { name, value: NAMED }, USER);
}

/** A host directory with lists: on `file` an access list, on `d` and itself default lists too. */
async function hostWithLists(): Promise<string> {
  const host = temporaryDirectory();
  mkdirSync(join(host, 'd'));
  writeFileSync(join(host, 'file'), 'content');
  const provider = new RealFSProvider(host, { extendedAttributes: true });
  const root = provider.start(USER);
  await setAcl(provider, provider.lookup(root, 'file'), ACL_ACCESS);
  for (const directory of [root, provider.lookup(root, 'd')]) {
    await setAcl(provider, directory, ACL_ACCESS);
    await setAcl(provider, directory, ACL_DEFAULT);
  }
  provider.stop();
  return host;
}

async function serve(upper: VfsProvider) {
  const lower = new RealFSProvider(await hostWithLists(), { extendedAttributes: true });
  const provider = new OverlayProvider(upper, lower);
  const root = await provider.start(USER);
  onTestFinished(() => provider.stop());
  const shown = async (node: typeof root) => {
    const { mode } = await provider.attributes(node);
    const lists = [];
    for (const name of [ACL_ACCESS, ACL_DEFAULT]) {
      lists.push(await provider.extendedAttributes?.get(node, name));
    }
    return { mode: mode & 0o777, lists };
  };
  return { provider, root, shown };
}

const uppers: readonly (readonly [string, () => VfsProvider])[] = [
  ['memory', () => new MemoryProvider({ extendedAttributes: true })],
  ['a directory', () => new RealFSProvider(temporaryDirectory(), { extendedAttributes: true })],
];

it.each(uppers)(
  'a file or directory with access control lists keeps them and its permission bits in an upper layer that is %s',
  async (_name, upper) => {
    const { provider, root, shown } = await serve(upper());
    const [file, directory] = [
      await provider.lookup(root, 'file'),
      await provider.lookup(root, 'd'),
    ];
    expect(await shown(file)).toEqual({ mode: 0o660, lists: [NAMED, null] });
    expect(await shown(root)).toEqual({ mode: 0o660, lists: [NAMED, NAMED] });
    await provider.release(await provider.open(file, O_RDWR));
    await provider.makeDirectory(directory, 'new', 0o755, USER);
    expect([file.upper, directory.upper]).not.toContain(null);
    expect(await shown(file)).toEqual({ mode: 0o660, lists: [NAMED, null] });
    expect(await shown(directory)).toEqual({ mode: 0o660, lists: [NAMED, NAMED] });
  },
);

it("the host's group gets what the list gives the owning group of a copied file, not the mask", async () => {
  const directory = temporaryDirectory();
  const upper = new RealFSProvider(directory, { extendedAttributes: true });
  const { provider, root } = await serve(upper);
  const file = await provider.lookup(root, 'file');
  await provider.release(await provider.open(file, O_RDWR));
  const inner = await provider.lookup(root, 'd');
  await provider.makeDirectory(inner, 'new', 0o755, USER);
  expect(statSync(join(directory, 'file')).mode & 0o777).toBe(0o640);
  expect(statSync(join(directory, 'd')).mode & 0o777).toBe(0o740);
});
