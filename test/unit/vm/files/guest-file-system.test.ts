import { expect, it } from 'vitest';
import { ERRNO } from '../../../../src/protocol/errno.ts';
import {
  encodeFileAttributes,
  type FileAttributes,
} from '../../../../src/protocol/files/file-attributes.ts';
import { FilesSession } from '../../../../src/vm/files/files-session.ts';
import { GuestFileSystem } from '../../../../src/vm/files/guest-file-system.ts';
import { FakeFilesProcess, type SeenFilesRequest } from '../../../fixtures/fake-files-process.ts';

const ATTRIBUTES: FileAttributes = {
  ...{ mode: 0o100644, uid: 0, gid: 0, nlink: 1, size: 3, blockBytes: 4_096 },
  ...{ ino: 1n, dev: 1n, rdev: 0n, blocks: 8n },
  ...{ atimeNs: 0n, mtimeNs: 1_500_000n, ctimeNs: -1n },
};
const attributes = encodeFileAttributes(ATTRIBUTES);

type Answer = Uint8Array | keyof typeof ERRNO;

/** A file system whose files processes give the answer of `answer`, or nothing for null. */
function start(answer: (request: SeenFilesRequest) => Answer | null, cwd?: string) {
  const processes: FakeFilesProcess[] = [];
  const link = {
    start: () => {
      const process = new FakeFilesProcess();
      processes.push(process);
      process.serve((request) => {
        const given = answer(request);
        if (given === null) return;
        if (typeof given === 'string') process.reply(request.id, ERRNO[given]);
        else process.reply(request.id, 0, given);
      });
      return Promise.resolve(process);
    },
    explain: (error: unknown) => Promise.resolve(error),
  };
  return { files: new GuestFileSystem(new FilesSession(link, ''), cwd), processes };
}

const NOTHING = Buffer.alloc(0);

/** A page of LIST with these names, all regular files. */
function page(names: readonly (string | Buffer)[], isLast = true): Buffer {
  const entries = names.map((name) => {
    const bytes = Buffer.from(name);
    const head = Buffer.alloc(8);
    head.writeUInt32LE(ATTRIBUTES.mode, 0);
    head.writeUInt32LE(bytes.length, 4);
    return Buffer.concat([head, bytes, attributes]);
  });
  return Buffer.concat([Buffer.of(isLast ? 1 : 0), ...entries]);
}

it('readFile() sends OPEN, READ and CLOSE without waiting, and gives the bytes', async () => {
  const { files, processes } = start(({ operation }) =>
    operation === 'OPEN' ? attributes : operation === 'READ' ? Buffer.from('abc') : NOTHING,
  );
  expect(await files.readFile('/a', 'utf8')).toBe('abc');
  const [process] = processes;
  expect(process?.requests.slice(0, 2).map(({ operation }) => operation)).toEqual(['OPEN', 'READ']);
});

it('readFile() of a file that does not end rejects with FILES_TOO_LARGE', async () => {
  const { files } = start(({ operation, body }) => {
    if (operation === 'READ') return Buffer.alloc(body.readUInt32LE(12));
    return operation === 'OPEN' ? attributes : NOTHING;
  });
  await expect(files.readFile('/dev/zero', { maxBytes: 1_000_000 })).rejects.toMatchObject({
    code: 'FILES_TOO_LARGE',
    details: { limit: 1_000_000 },
  });
});

it('listDir() of a directory that does not end rejects with FILES_TOO_LARGE', async () => {
  const many = page(
    Array.from({ length: 1_000 }, (_, i) => `f${i}`),
    false,
  );
  const { files } = start(({ operation }) => (operation === 'LIST' ? many : attributes));
  await expect(files.listDir('/a')).rejects.toMatchObject({ code: 'FILES_TOO_LARGE' });
});

it.each(['', '.', '..', 'a/b', '/etc', 'a\0b'])(
  'the name %j in a directory is GUEST_PROTOCOL',
  async (name) => {
    const { files, processes } = start(({ operation }) =>
      operation === 'LIST' ? page(['ok', name]) : attributes,
    );
    await expect(files.listDir('/a')).rejects.toMatchObject({ code: 'GUEST_PROTOCOL' });
    expect(processes[0]?.kills).toBe(1);
  },
);

it('more data than asked for, and a size that no file has, are GUEST_PROTOCOL', async () => {
  const { files } = start(({ operation }) =>
    operation === 'READ' ? Buffer.alloc(11) : attributes,
  );
  const file = await files.open('/a');
  await expect(file.read(0, 10)).rejects.toMatchObject({ code: 'GUEST_PROTOCOL' });
  const huge = Buffer.from(attributes);
  huge.writeBigUInt64LE(2n ** 63n, 16);
  const other = start(() => huge);
  await expect(other.files.stat('/a')).rejects.toMatchObject({ code: 'GUEST_PROTOCOL' });
});

it('stat() has the fields and methods of fs.Stats', async () => {
  const { files } = start(() => attributes);
  const stats = await files.stat('/a');
  expect(stats).toMatchObject({ size: 3, mode: 0o100644, type: 'file', mtimeNs: 1_500_000n });
  expect([stats.isFile(), stats.isDirectory(), stats.mtimeMs]).toEqual([true, false, 1.5]);
});

it('listDir() keeps the bytes of a name that is not UTF-8', async () => {
  const { files } = start(({ operation }) =>
    operation === 'LIST' ? page([Buffer.of(0x61, 0xff)]) : attributes,
  );
  const [entry] = await files.listDir('/a');
  expect(entry?.name).toBe('a\ufffd');
  expect(entry?.nameBytes).toEqual(Buffer.of(0x61, 0xff));
});

it('a process that has ended rejects its calls with FILES_ENDED, and the next call starts another', async () => {
  let isSilent = true;
  const { files, processes } = start(() => (isSilent ? null : attributes));
  const lost = files.stat('/a');
  await Promise.resolve();
  setImmediate(() => processes[0]?.end({ code: null, signal: 9 }));
  await expect(lost).rejects.toMatchObject({ code: 'FILES_ENDED' });
  isSilent = false;
  expect((await files.stat('/a')).size).toBe(3);
  expect(processes.length).toBe(2);
});

it('calls that find no process start one together', async () => {
  const { files, processes } = start(() => attributes);
  await Promise.all([files.stat('/a'), files.stat('/b'), files.stat('/c')]);
  expect(processes.length).toBe(1);
});

it('writeFile() to a file that cannot be opened rejects with the error of the open', async () => {
  const { files } = start(({ operation }) => (operation === 'OPEN' ? 'EACCES' : 'EBADF'));
  await expect(files.writeFile('/a', 'x')).rejects.toMatchObject({
    code: 'EACCES',
    details: { errno: 'EACCES', syscall: 'open', path: '/a' },
  });
});

it('delete() with force passes over a missing path, and repeats while some of a tree is left', async () => {
  let parts = 3;
  const { files, processes } = start(() => Buffer.of(--parts > 0 ? 1 : 0));
  await files.delete('/a', { recursive: true });
  expect(processes[0]?.requests.length).toBe(3);
  const missing = start(() => 'ENOENT').files;
  await missing.delete('/a', { force: true });
  await expect(missing.delete('/a')).rejects.toMatchObject({ code: 'ENOENT' });
});

it('bad paths, flags and times are refused before the guest sees them', async () => {
  const { files, processes } = start(() => attributes);
  const refused = { code: 'VM_BAD_OPTION' };
  await expect(files.stat('/a\0b')).rejects.toMatchObject(refused);
  await expect(files.open('/a', 'rw' as 'r')).rejects.toMatchObject(refused);
  await expect(async () => files.utimes('/a', Number.NaN, 0)).rejects.toMatchObject(refused);
  await expect(files.stat('/'.padEnd(5_000, 'a'))).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
  expect(processes.length).toBe(0);
});

it('a relative path starts at the working directory of the VM', async () => {
  const { files, processes } = start(() => attributes, '/workspace');
  await files.stat('a');
  expect(processes[0]?.requests[0]?.body.toString()).toContain('/workspace/a');
});
