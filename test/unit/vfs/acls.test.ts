import { expect, it, onTestFinished } from 'vitest';
import { ACL_INIT_FLAGS, OPCODE } from '../../../src/protocol/fuse/fuse-abi.ts';
import {
  ACL_ACCESS,
  ACL_DEFAULT,
  ACL_TAG,
  type AclEntry,
  decodeAcl,
  encodeAcl,
} from '../../../src/vfs/acl/posix-acl.ts';
import { MemoryProvider } from '../../../src/vfs/memory-provider.ts';
import type { VfsProvider } from '../../../src/vfs/provider.ts';
import { FuseClient } from '../../fixtures/fuse-client.ts';
import { XattrClient } from '../../fixtures/xattr-client.ts';

const { USER_OBJ, USER, GROUP_OBJ, MASK, OTHER } = ACL_TAG;

/** `[tag, permissions, id]`. */
function acl(...entries: readonly (readonly [number, number, number?])[]): Buffer {
  return encodeAcl(entries.map(([tag, permissions, id = 0]) => ({ tag, permissions, id })));
}

/** Owner rw, user 1000 r, group nothing, others nothing. */
const NAMED = acl([USER_OBJ, 6], [USER, 4, 1000], [GROUP_OBJ, 0], [MASK, 4], [OTHER, 0]);

async function serve(provider: VfsProvider = new MemoryProvider({ extendedAttributes: true })) {
  const client = await FuseClient.start(provider);
  onTestFinished(() => client.server.close());
  const top = await client.walk('m');
  return { client, top };
}

async function makeFile() {
  const { client, top } = await serve();
  const { id } = await client.create(top, 'file', 0o644);
  return { client, id, acls: new XattrClient(client, id) };
}

function shown(value: Buffer | string): readonly (readonly [number, number, number])[] | string {
  if (typeof value === 'string') return value;
  const of = ({ tag, permissions, id }: AclEntry) =>
    [tag, permissions, tag === USER ? id : 0] as const;
  return decodeAcl(value).map(of);
}

const permissions = async (client: FuseClient, id: number) => (await client.stat(id)).mode & 0o7777;

it('a list sets the permission bits, and these change its entries of owner, mask and others', async () => {
  const { client, id, acls } = await makeFile();
  expect(await acls.get(ACL_ACCESS)).toBe('ENODATA');
  expect(await acls.set(ACL_ACCESS, NAMED)).toBe('ok');
  expect(await permissions(client, id)).toBe(0o640);
  await client.setattr(id, { mode: 0o705 });
  expect(shown(await acls.get(ACL_ACCESS))).toEqual([
    ...[[USER_OBJ, 7, 0] as const, [USER, 4, 1000] as const],
    ...[[GROUP_OBJ, 0, 0] as const, [MASK, 0, 0] as const, [OTHER, 5, 0] as const],
  ]);
});

it('a list that says no more than permission bits becomes these', async () => {
  const { client, id, acls } = await makeFile();
  await acls.set(ACL_ACCESS, NAMED);
  expect(await acls.set(ACL_ACCESS, acl([USER_OBJ, 7], [GROUP_OBJ, 5], [OTHER, 1]))).toBe('ok');
  expect(await acls.get(ACL_ACCESS)).toBe('ENODATA');
  expect(await permissions(client, id)).toBe(0o751);
  expect(await acls.remove(ACL_ACCESS)).toBe('ok');
});

it('what is made in a directory with a default list gets it, in place of the umask', async () => {
  const { client, top } = await serve();
  const directory = new XattrClient(client, top);
  expect(await directory.set(ACL_DEFAULT, NAMED)).toBe('ok');
  const make = (opcode: number, numbers: number[], name: string) =>
    client.request(opcode, top, Buffer.concat([client.numbers(...numbers), client.name(name)]));
  await make(OPCODE.CREATE, [0o102, 0o666, 0o077, 0], 'file');
  await make(OPCODE.MKNOD, [0o100_604, 0, 0o077, 0], 'node');
  await make(OPCODE.MKDIR, [0o777, 0o077], 'sub');
  const [file, node, sub] = [
    ...[await client.walk('m/file'), await client.walk('m/node'), await client.walk('m/sub')],
  ] as const;
  expect(await permissions(client, file ?? 0)).toBe(0o640);
  expect(await permissions(client, node ?? 0)).toBe(0o600);
  expect(shown(await new XattrClient(client, file ?? 0).get(ACL_ACCESS))).toEqual(shown(NAMED));
  const inSub = new XattrClient(client, sub ?? 0);
  expect(await inSub.get(ACL_DEFAULT)).toEqual(NAMED);
  expect(await directory.remove(ACL_DEFAULT)).toBe('ok');
  await make(OPCODE.CREATE, [0o102, 0o666, 0o077, 0], 'masked');
  expect(await permissions(client, await client.walk('m/masked'))).toBe(0o600);
});

it('an existing file that a CREATE opens keeps its own rights', async () => {
  const { client, top } = await serve();
  const { id } = await client.create(top, 'file', 0o604);
  await new XattrClient(client, top).set(ACL_DEFAULT, NAMED);
  await client.create(top, 'file', 0o666);
  expect(await permissions(client, id)).toBe(0o604);
  expect(await new XattrClient(client, id).get(ACL_ACCESS)).toBe('ENODATA');
});

it('a write by another group takes set-group-id away with the list', async () => {
  const { client, id, acls } = await makeFile();
  await client.setattr(id, { mode: 0o2755 });
  client.caller = { uid: 1000, gid: 1000 };
  await acls.set(ACL_ACCESS, NAMED);
  expect(await permissions(client, id)).toBe(0o640);
});

it.each([
  { name: 'nothing', value: Buffer.alloc(0) },
  { name: 'no entries', value: acl() },
  { name: 'another version', value: Buffer.concat([Buffer.from([3]), NAMED.subarray(1)]) },
  { name: 'half an entry', value: NAMED.subarray(0, -4) },
  { name: 'a named user without a mask', value: acl([1, 6], [2, 4, 7], [4, 0], [32, 0]) },
  { name: 'two owners', value: acl([1, 6], [1, 6], [4, 0], [32, 0]) },
  { name: 'another order', value: acl([4, 0], [1, 6], [32, 0]) },
  { name: 'unknown rights', value: acl([1, 8], [4, 0], [32, 0]) },
  { name: 'an unknown tag', value: acl([1, 6], [4, 0], [32, 0], [64, 0]) },
  { name: 'a user without an id', value: acl([1, 6], [2, 4, -1 >>> 0], [4, 0], [16, 0], [32, 0]) },
])('a forged list with $name is refused', async ({ value }) => {
  const { acls, client, id } = await makeFile();
  expect(await acls.set(ACL_ACCESS, value)).toBe('EINVAL');
  expect(await acls.list()).toEqual([]);
  expect(await permissions(client, id)).toBe(0o644);
});

it('only directories have a default list', async () => {
  const { acls } = await makeFile();
  expect(await acls.set(ACL_DEFAULT, NAMED)).toBe('EACCES');
});

it('the kernel is asked to enforce lists only when a mount has extended attributes', async () => {
  const flags = ACL_INIT_FLAGS.POSIX_ACL | ACL_INIT_FLAGS.DONT_MASK;
  for (const extendedAttributes of [true, false]) {
    const { client } = await serve(new MemoryProvider({ extendedAttributes }));
    const body = client.numbers(7, 38, 2 ** 20, 0xffff_ffff);
    const reply = await client.request(OPCODE.INIT, 0, body);
    expect((reply.body.readUInt32LE(12) & flags) === flags).toBe(extendedAttributes);
  }
});
