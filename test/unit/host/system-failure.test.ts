import { expect, it } from 'vitest';
import { GondolinError } from '../../../src/errors/gondolin-error.ts';
import { asHostError } from '../../../src/host/system-failure.ts';

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code, syscall: 'open', path: '/c/x/y' });
}

it.each([
  ['EACCES', 'HOST_DIRECTORY_UNUSABLE'],
  ['EPERM', 'HOST_DIRECTORY_UNUSABLE'],
  ['EROFS', 'HOST_DIRECTORY_UNUSABLE'],
  ['ENOSPC', 'HOST_WRITE_FAILED'],
  ['EDQUOT', 'HOST_WRITE_FAILED'],
])('asHostError() makes of %s the code %s, with the path and the cause', (code, want) => {
  const cause = systemError(code);
  expect(asHostError(cause, '/c')).toMatchObject({
    code: want,
    cause,
    message: expect.stringContaining('"/c"'),
    details: { path: '/c/x/y' },
    hint: expect.stringContaining('XDG_CACHE_HOME'),
  });
});

it.each([
  systemError('EBADF'),
  new TypeError('a bug'),
  Object.assign(new Error('not a system call'), { code: 'ENOSPC' }),
  new GondolinError('IMAGE_BUILD_FAILED', 'x'),
  'text',
])('asHostError() gives %s back unchanged', (error) => {
  expect(asHostError(error, '/c')).toBe(error);
});
