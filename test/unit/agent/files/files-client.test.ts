import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { fileError } from '../../../../src/agent/files/file-error.ts';
import { FilesClient } from '../../../../src/agent/files/files-client.ts';
import { FILE_CODES } from '../../../../src/errors/file-codes.ts';
import { GondolinError } from '../../../../src/errors/gondolin-error.ts';
import { MAX_FILES_FRAME_BYTES } from '../../../../src/protocol/constants.ts';
import { ERRNO, type ErrnoName } from '../../../../src/protocol/errno.ts';
import { FakeFilesProcess, filesReply } from '../../../fixtures/fake-files-process.ts';

const action = { syscall: 'rmdir', path: '/x' };
const remove = { type: 'REMOVE', path: '/x', kind: 'DIRECTORY' } as const;
const options = { action, decode: () => undefined };

function start() {
  const process = new FakeFilesProcess();
  return { process, client: new FilesClient(process) };
}

it('a refusal of the guest is an error with the code of node:fs', () => {
  const codes = [
    ...['EACCES', 'EAGAIN', 'EBADF', 'EBUSY', 'EDQUOT', 'EEXIST', 'EFBIG', 'EINVAL', 'EIO'],
    ...['EISDIR', 'ELOOP', 'EMFILE', 'EMLINK', 'ENAMETOOLONG', 'ENODEV', 'ENOENT', 'ENOMEM'],
    ...['ENOSPC', 'ENOTDIR', 'ENOTEMPTY', 'ENXIO', 'EOPNOTSUPP', 'EPERM', 'EROFS', 'ESPIPE'],
    ...['ETXTBSY', 'EXDEV'],
  ];
  expect(Object.keys(FILE_CODES).toSorted()).toEqual(codes.toSorted());
  for (const code of codes) {
    const error = fileError(ERRNO[code as ErrnoName], action);
    expect(error).toMatchObject({ code, details: { errno: code, syscall: 'rmdir', path: '/x' } });
  }
});

it('a refusal without a code of its own is FILES_FAILED and names the errno', () => {
  expect(fileError(ERRNO.ESTALE, action)).toMatchObject({
    code: 'FILES_FAILED',
    details: { errno: 'ESTALE' },
  });
  expect(fileError(4_000_000_000, action)).toMatchObject({ code: 'FILES_FAILED' });
});

it('requests are sent at once and settle in their order', async () => {
  const { process, client } = start();
  const first = client.request(remove, options);
  const second = client.request({ ...remove, path: '/y' }, options);
  expect(process.requests.map(({ operation }) => operation)).toEqual(['REMOVE', 'REMOVE']);
  process.reply(0, 0);
  process.reply(1, ERRNO.ENOTEMPTY);
  await first;
  await expect(second).rejects.toMatchObject({ code: 'ENOTEMPTY' });
});

it.each([
  ['another id', filesReply(1, 0)],
  ['a body after an error', filesReply(0, 2, Buffer.of(1))],
  ['trailing bytes', filesReply(0, 0, Buffer.of(1))],
  ['a length that is too short', Buffer.from('0700000000000000000000ff', 'hex')],
  ['a length that is too long', Buffer.from('ffffffff0000000000000000', 'hex')],
])('%s ends the process with GUEST_PROTOCOL', async (_, bytes) => {
  const { process, client } = start();
  const removed = client.request(remove, options);
  process.stdout.write(bytes);
  await expect(removed).rejects.toMatchObject({ code: 'GUEST_PROTOCOL' });
  expect(process.kills).toBe(1);
  await expect(client.request(remove, options)).rejects.toMatchObject({ code: 'GUEST_PROTOCOL' });
});

it('any bytes end in replies or in GUEST_PROTOCOL, and the process holds no more than one frame', async () => {
  const property = fc.asyncProperty(
    fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        fc.tuple(fc.nat(3), fc.nat(40)).map(([id, errno]) => filesReply(id, errno)),
      ),
      { maxLength: 12 },
    ),
    async (pieces) => {
      const { process, client } = start();
      const removed = Promise.allSettled([0, 1, 2].map(() => client.request(remove, options)));
      for (const piece of pieces) process.stdout.write(piece);
      process.end();
      for (const outcome of await removed) {
        if (outcome.status === 'rejected') expect(GondolinError.is(outcome.reason)).toBe(true);
      }
      const { code } = await client.ended;
      expect(['GUEST_PROTOCOL', 'FILES_ENDED']).toContain(code);
    },
  );
  await fc.assert(property, { numRuns: 300 });
});

it('a reply in pieces of one byte is read once it is whole', async () => {
  const { process, client } = start();
  const read = client.request(
    { type: 'READ', handle: 0, offset: 0, length: 3 },
    { action, decode: (body) => body.rest().toString() },
  );
  for (const byte of filesReply(0, 0, Buffer.from('abc'))) process.stdout.write(Buffer.of(byte));
  expect(await read).toBe('abc');
});

it('no more than 4 MiB and 256 requests are under way', async () => {
  const { process, client } = start();
  const data = Buffer.alloc(262_144);
  const writes = Array.from({ length: 40 }, () =>
    client.request({ type: 'WRITE', handle: 0, offset: 0, data }, options),
  );
  expect(process.requests.length).toBe(15);
  process.serve(({ id }) => process.reply(id, 0));
  await Promise.all(writes);
  process.serve(undefined);
  const removes = Array.from({ length: 300 }, () => client.request(remove, options));
  expect(process.requests.length).toBe(40 + 256);
  process.serve(({ id }) => process.reply(id, 0));
  await Promise.all(removes);
  expect(MAX_FILES_FRAME_BYTES).toBeGreaterThan(data.length);
});

it('a process that ends rejects what it has not done with FILES_ENDED', async () => {
  const { process, client } = start();
  const removed = client.request(remove, options);
  process.end({ code: null, signal: 9, isOutOfMemory: true });
  await expect(removed).rejects.toMatchObject({
    code: 'FILES_ENDED',
    details: { signal: 9, isOutOfMemory: true },
  });
});

it('a cancelled request rejects with FILES_ABORTED at once, and its reply is dropped', async () => {
  const { process, client } = start();
  const abort = new AbortController();
  const removed = client.request(remove, { ...options, signal: abort.signal });
  const next = client.request(remove, options);
  abort.abort();
  await expect(removed).rejects.toMatchObject({ code: 'FILES_ABORTED' });
  process.reply(0, 0);
  process.reply(1, 0);
  await next;
  await expect(
    client.request(remove, { ...options, signal: AbortSignal.abort() }),
  ).rejects.toMatchObject({ code: 'FILES_ABORTED' });
});

it('one signal cancels many requests, those that were sent and those that wait', async () => {
  const { process, client } = start();
  const abort = new AbortController();
  const removes = Array.from({ length: 300 }, () =>
    client.request(remove, { ...options, signal: abort.signal }),
  );
  const outcomes = Promise.allSettled(removes);
  abort.abort();
  for (const outcome of await outcomes) {
    expect(outcome).toMatchObject({ reason: { code: 'FILES_ABORTED' } });
  }
  process.serve(({ id }) => process.reply(id, 0));
  await client.request(remove, options);
  expect(process.requests.length).toBe(257);
});

it('a cancelled request that the process does not finish ends the process after 5 s', async () => {
  vi.useFakeTimers();
  const { process, client } = start();
  const abort = new AbortController();
  const removed = client.request(remove, { ...options, signal: abort.signal });
  const next = client.request(remove, options);
  abort.abort();
  await expect(removed).rejects.toMatchObject({ code: 'FILES_ABORTED' });
  vi.advanceTimersByTime(5_000);
  vi.useRealTimers();
  await expect(next).rejects.toMatchObject({ code: 'FILES_ENDED' });
  expect(process.kills).toBe(1);
});

it('a handle is free again once its CLOSE is sent, and the 1,025th rejects with EMFILE', async () => {
  const { process, client } = start();
  process.serve(({ id }) => process.reply(id, 0));
  const handles = Array.from({ length: 1_024 }, () => client.takeHandle(action));
  expect(new Set(handles).size).toBe(1_024);
  expect(() => client.takeHandle(action)).toThrow(expect.objectContaining({ code: 'EMFILE' }));
  await client.closeHandle(7, action);
  expect(client.takeHandle(action)).toBe(7);
});
