import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readEntries, readEntriesInPool } from '../../../src/host/libc.ts';
import { ERRNO } from '../../../src/protocol/errno.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

it('readEntriesInPool() rejects with the errno of its own call, whatever calls run beside it', async () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'inner'));
  writeFileSync(join(directory, 'file'), '');
  const [inner, file] = [
    openSync(join(directory, 'inner'), 'r'),
    openSync(join(directory, 'file'), 'r'),
  ];
  const errnoOf = (fd: number) =>
    readEntriesInPool(fd, Buffer.alloc(1024)).then(
      () => 0,
      ({ errno }: { errno: number }) => errno,
    );
  const fds = Array.from({ length: 60 }, (_, index) => [999_999, inner, file][index % 3] ?? -1);
  const pending = fds.map(errnoOf);
  expect(() => readEntries(file, Buffer.alloc(1024))).toThrowError(
    expect.objectContaining({ errno: ERRNO.ENOTDIR }),
  );
  const expected = [ERRNO.EBADF, 0, ERRNO.ENOTDIR];
  expect(await Promise.all(pending)).toEqual(fds.map((_, index) => expected[index % 3]));
  closeSync(inner);
  closeSync(file);
});
