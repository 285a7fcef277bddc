import {
  appendFileSync,
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { EDIT, EDITOR_UID } from '../../../../src/protocol/constants.ts';
import { OPCODE } from '../../../../src/protocol/fuse/fuse-abi.ts';
import { RealFSProvider } from '../../../../src/vfs/real-fs-provider.ts';
import { CachingGuest } from '../../../fixtures/caching-guest.ts';
import { FuseClient } from '../../../fixtures/fuse-client.ts';

const directories: string[] = [];
const clients: FuseClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.server.close();
  for (const directory of directories.splice(0))
    rmSync(directory, { recursive: true, force: true });
});

/** A volume with a file `f` and a directory `d`, which the guest has looked up. */
async function serve() {
  const directory = mkdtempSync(join(tmpdir(), 'gondolin-edits-'));
  directories.push(directory);
  writeFileSync(join(directory, 'f'), 'content');
  mkdirSync(join(directory, 'd'));
  const client = await FuseClient.start(new RealFSProvider(directory));
  clients.push(client);
  const root = await client.walk('m');
  const guest = new CachingGuest(client);
  const file = await guest.lookup(root, 'f');
  await guest.lookup(root, 'd');
  return { directory, client, root, guest, file };
}

const soon = { timeout: 10_000, interval: 5 };
const shown = ({ edits }: FuseClient) =>
  edits.map(({ action, path, newPath }) => [action, path, newPath].join(' ').trim());

it.each([
  ['makes a file', (at: string) => writeFileSync(`${at}/new`, ''), `${EDIT.MAKE_FILE} m/new`],
  ['makes a directory', (at: string) => mkdirSync(`${at}/new`), `${EDIT.MAKE_DIRECTORY} m/new`],
  ['writes', (at: string) => appendFileSync(`${at}/f`, '!'), `${EDIT.WRITE} m/f`],
  ['changes a mode', (at: string) => chmodSync(`${at}/f`, 0o600), `${EDIT.ATTRIBUTES} m/f`],
  ['removes a file', (at: string) => unlinkSync(`${at}/f`), `${EDIT.REMOVE_FILE} m/f`],
  [
    'removes a directory',
    (at: string) => rmSync(`${at}/d`, { recursive: true }),
    `${EDIT.REMOVE_DIRECTORY} m/d`,
  ],
  ['renames', (at: string) => renameSync(`${at}/f`, `${at}/g`), `${EDIT.RENAME} m/f m/g`],
] as const)('an edit of the host that %s is announced once', async (_, edit, expected) => {
  const { directory, client, root, guest } = await serve();
  edit(directory);
  // The end of what is announced for the edit.
  await guest.lookup(root, 'last');
  await expect.poll(() => client.edits.length, soon).toBeGreaterThan(0);
  writeFileSync(join(directory, 'last'), '');
  await expect.poll(() => shown(client), soon).toContain(`${EDIT.MAKE_FILE} m/last`);
  expect(shown(client)).toEqual([expected, `${EDIT.MAKE_FILE} m/last`]);
});

it('a change of attributes is announced as such when the writer of the edit before closes its file at the same time', async () => {
  const { directory, client } = await serve();
  const path = join(directory, 'f');
  const fd = openSync(path, 'a');
  writeSync(fd, 'more');
  await expect.poll(() => shown(client), soon).toEqual([`${EDIT.WRITE} m/f`]);
  // Both are reported at once.
  closeSync(fd);
  chmodSync(path, 0o600);
  await expect.poll(() => client.edits.length, soon).toBe(2);
  writeFileSync(join(directory, 'last'), '');
  await expect.poll(() => shown(client), soon).toContain(`${EDIT.MAKE_FILE} m/last`);
  const expected = [`${EDIT.WRITE} m/f`, `${EDIT.ATTRIBUTES} m/f`, `${EDIT.MAKE_FILE} m/last`];
  expect(shown(client)).toEqual(expected);
});

it('a write and a change of attributes that are reported at once are both announced', async () => {
  const { directory, client } = await serve();
  appendFileSync(join(directory, 'f'), 'more');
  chmodSync(join(directory, 'f'), 0o600);
  const expected = [`${EDIT.WRITE} m/f`, `${EDIT.ATTRIBUTES} m/f`];
  await expect.poll(() => shown(client), soon).toEqual(expected);
});

it("the guest's own changes are not announced", async () => {
  const { directory, client, root, guest, file } = await serve();
  await guest.make(root, 'own', 'file');
  await guest.write(file, Buffer.from('own'));
  await guest.rename(root, 'own', root, 'renamed');
  await guest.remove(root, 'renamed', 'file');
  await guest.make(root, 'dir', 'directory');
  await guest.remove(root, 'dir', 'directory');
  writeFileSync(join(directory, 'last'), '');
  await expect.poll(() => shown(client), soon).toEqual([`${EDIT.MAKE_FILE} m/last`]);
});

/** Sends a request as the agent does when it repeats the first edit. */
function repeat(client: FuseClient, opcode: number, node: number, body: Buffer) {
  client.caller = { uid: EDITOR_UID, gid: client.edits[0]?.token ?? 0 };
  return client.request(opcode, node, body);
}

it('the repetition of a new file finds no name, makes nothing and gets the file that is there', async () => {
  const { directory, client, root } = await serve();
  writeFileSync(join(directory, 'new'), 'content of the host');
  await expect.poll(() => client.edits.length, soon).toBe(1);
  const name = client.name('new');
  expect(await repeat(client, OPCODE.LOOKUP, root, name)).toMatchObject({ status: 'ENOENT' });
  const body = Buffer.concat([client.numbers(0o101, 0o644, 0, 0), name]);
  const made = await repeat(client, OPCODE.CREATE, root, body);
  expect(made.status).toBe('ok');
  expect(made.body.readBigUInt64LE(48)).toBe(19n);
  expect(readFileSync(join(directory, 'new'), 'utf8')).toBe('content of the host');
});

it('the repetition of a removal finds the former node and removes nothing', async () => {
  const { directory, client, root, file } = await serve();
  unlinkSync(join(directory, 'f'));
  await expect.poll(() => client.edits.length, soon).toBe(1);
  writeFileSync(join(directory, 'f'), 'another one');
  const found = await repeat(client, OPCODE.LOOKUP, root, client.name('f'));
  expect(found.body.readBigUInt64LE(0)).toBe(BigInt(file));
  expect(await repeat(client, OPCODE.UNLINK, root, client.name('f'))).toMatchObject({
    status: 'ok',
  });
  expect(readFileSync(join(directory, 'f'), 'utf8')).toBe('another one');
});

it('a guest that imitates the agent changes nothing, with a token or without', async () => {
  const { directory, client, root, file } = await serve();
  appendFileSync(join(directory, 'f'), '!');
  await expect.poll(() => client.edits.length, soon).toBe(1);
  const truncate = Buffer.alloc(88);
  truncate.writeUInt32LE(8, 0);
  const handle = Buffer.alloc(40);
  const requests = [
    [OPCODE.UNLINK, root, client.name('f')],
    [OPCODE.RMDIR, root, client.name('d')],
    [OPCODE.MKDIR, root, Buffer.concat([client.numbers(0o755, 0), client.name('made')])],
    [OPCODE.CREATE, root, Buffer.concat([client.numbers(0o101, 0o644, 0, 0), client.name('made')])],
    [OPCODE.SETATTR, file, truncate],
    [OPCODE.OPEN, file, client.numbers(0o1001, 0)],
    [OPCODE.WRITE, file, handle],
    [OPCODE.READ, file, handle],
    [
      OPCODE.RENAME,
      root,
      Buffer.concat([Buffer.from([root, 0, 0, 0, 0, 0, 0, 0]), client.name('f'), client.name('g')]),
    ],
  ] as const;
  const token = client.edits[0]?.token ?? 0;
  for (const gid of [token, token + 1, 0]) {
    for (const [opcode, node, body] of requests) {
      client.caller = { uid: EDITOR_UID, gid };
      const { status } = await client.request(opcode, node, body);
      const isAnswered = gid === token && (opcode === OPCODE.SETATTR || opcode === OPCODE.OPEN);
      expect([opcode, status]).toEqual([opcode, isAnswered ? 'ok' : 'ESTALE']);
    }
  }
  expect(readFileSync(join(directory, 'f'), 'utf8')).toBe('content!');
  expect(existsSync(join(directory, 'd'))).toBe(true);
  expect(existsSync(join(directory, 'made'))).toBe(false);
});
