import { statSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ERRNO } from '../../../src/protocol/errno.ts';
import { toErrno, VfsError } from '../../../src/vfs/vfs-error.ts';

function failureOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

it.each([
  ['an error of ours', new VfsError('ENOTEMPTY'), ERRNO.ENOTEMPTY],
  ['an error of Node', failureOf(() => statSync('/proc/none')), ERRNO.ENOENT],
  ['an error with a code alone', Object.assign(new Error('x'), { code: 'EROFS' }), ERRNO.EROFS],
  ['a code that Linux lacks', { code: 'ERR_INVALID_ARG_TYPE' }, ERRNO.EIO],
  ['a name of every object', { code: 'toString' }, ERRNO.EIO],
  ['a number beyond all errors', { errno: 4096 }, ERRNO.EIO],
  ['a number that is none', { errno: Number.NaN, code: 'EACCES' }, ERRNO.EACCES],
  ['zero, which is success', { errno: 0 }, ERRNO.EIO],
  ['a text', 'ENOENT', ERRNO.EIO],
  ['null', null, ERRNO.EIO],
])('toErrno() gives the number of %s', (_, error, errno) => {
  expect(toErrno(error)).toBe(errno);
});
