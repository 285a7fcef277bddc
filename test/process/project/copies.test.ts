import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { GondolinError } from '../../../src/errors/gondolin-error.ts';
import { digestTrees } from '../../../src/project/checkpoint/digest-trees.ts';
import { copyTreesIn } from '../../../src/project/copies/copied-trees.ts';
import { gitignoreFilter } from '../../../src/project/copies/gitignore-filter.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { sandbox } from '../../unit/project/fake-vm.ts';

function tree(files: Readonly<Record<string, string>>): string {
  const top = temporaryDirectory();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(top, dirname(path)), { recursive: true });
    writeFileSync(join(top, path), text);
  }
  return top;
}

function vmWith(hostPath: string, usesGitignore = false, hide: readonly string[] = []) {
  const mounts = [{ kind: 'copy', hostPath, guestPath: '/work', usesGitignore }] as const;
  return sandbox('box', [], { mounts, hide }).vm;
}

const RULES = { '.gitignore': 'dist/\n*.log\n!keep.log\n', 'sub/.gitignore': '!a.log\n/local\n' };

it.each([
  ['src/a.js', false, true],
  ['dist', true, false],
  ['sub/dist', true, false],
  // A file of that name is no directory.
  ['dist', false, true],
  ['x.log', false, false],
  ['keep.log', false, true],
  ['sub/a.log', false, true],
  ['sub/b.log', false, false],
  ['sub/local', false, false],
  ['local', false, true],
  ['.git', true, false],
  ['sub/.git', false, false],
  ['.gitignore', false, true],
])('gitignoreFilter() copies %s (directory: %s): %s', (path, isDirectory, isCopied) => {
  expect(gitignoreFilter(tree(RULES))(path, isDirectory)).toBe(isCopied);
});

it('the digest of a tree changes with names, contents, modes and links, not with what is left out', async () => {
  const top = tree({ ...RULES, 'src/a.js': 'one', 'x.log': 'log', '.env': 'KEY=1' });
  const cache = temporaryDirectory();
  const digest = async () => (await digestTrees(vmWith(top, true, ['.env']), cache))['/work'];
  const first = await digest();
  expect(first).toMatch(/^[0-9a-f]{64}$/);
  writeFileSync(join(top, 'x.log'), 'more');
  writeFileSync(join(top, '.env'), 'KEY=2');
  expect(await digest()).toBe(first);
  writeFileSync(join(top, 'src/a.js'), 'two');
  const second = await digest();
  mkdirSync(join(top, 'empty'));
  const third = await digest();
  symlinkSync('src', join(top, 'link'));
  expect(new Set([first, second, third, await digest()]).size).toBe(4);
  expect((await digestTrees(vmWith(top), cache))['/work']).not.toBe(await digest());
});

it('copyTreesIn() makes a missing target for the user, and leaves out what the filter does', async () => {
  const top = tree({ ...RULES, 'src/a.js': 'one', 'x.log': 'log', '.env': 'KEY=1' });
  const calls: unknown[] = [];
  const files = {
    root: {
      mkdir: async (...args: unknown[]) => void calls.push(['mkdir', ...args]),
      chown: async (...args: unknown[]) => void calls.push(['chown', ...args]),
    },
    own: {
      stat: async () => {
        throw new GondolinError('ENOENT', 'missing');
      },
      copyIn: async (
        from: string,
        to: unknown,
        { filter = () => true }: { filter?: (path: string, isDirectory: boolean) => boolean } = {},
      ) => {
        const shown = ['src', 'src/a.js', 'x.log', '.env'].filter((path) =>
          filter(path, path === 'src'),
        );
        calls.push(['copyIn', from, to, shown]);
        return { files: 0, directories: 0, links: 0, bytes: 0, skipped: 0 };
      },
    },
    owner: async () => ({ uid: 1000, gid: 1001 }),
  };
  await copyTreesIn(vmWith(top, true, ['.env']), files, new AbortController().signal);
  expect(calls).toEqual([
    ['mkdir', '/work', { recursive: true }],
    ['chown', '/work', 1000, 1001],
    ['copyIn', top, '/work', ['src', 'src/a.js']],
  ]);
});
