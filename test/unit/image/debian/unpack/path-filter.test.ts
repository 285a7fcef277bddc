import { expect, it } from 'vitest';
import { isLeftOut } from '../../../../../src/image/debian/unpack/path-filter.ts';

it.each([
  ['/usr/bin/git', 'file', false],
  ['/usr/share/doc', 'directory', false],
  ['/usr/share/doc/git/README', 'file', true],
  ['/usr/share/doc/git/copyright', 'file', false],
  // The pattern's `*` matches slashes, too.
  ['/usr/share/doc/git/contrib/copyright', 'file', false],
  // A copyright file may follow below it.
  ['/usr/share/doc/git', 'directory', false],
  ['/usr/share/doc/libgcc-s1', 'symlink', false],
  ['/usr/share/man/man1/git.1.gz', 'file', true],
  ['/usr/share/man/man1', 'directory', true],
  ['/usr/share/man', 'directory', false],
  ['/usr/share/manual', 'file', false],
  ['/usr/share/locale/de', 'directory', true],
  ['/usr/share/locale/locale.alias', 'file', false],
])('isLeftOut() of %s, a %s, is %s, as dpkg has it', (path, type, isOut) => {
  expect(isLeftOut(path, type)).toBe(isOut);
});
