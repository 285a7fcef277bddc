import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { StepInput } from '../../../src/config/config.ts';
import { digestInputs } from '../../../src/project/checkpoint/digest-inputs.ts';
import { DigestMemo, SETTLED_AFTER_MS } from '../../../src/project/checkpoint/digest-memo.ts';
import { findInputs, MAX_INPUT_FILES } from '../../../src/project/checkpoint/find-inputs.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

function project(files: Readonly<Record<string, string>>): string {
  const directory = temporaryDirectory();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
  return directory;
}

function inputs(directory: string, ...patterns: string[]): StepInput[] {
  const at = { file: join(directory, 'gondolin.yaml'), line: 3, col: 14 };
  return patterns.map((pattern) => ({ pattern, directory, at }));
}

async function found(directory: string, ...patterns: string[]): Promise<string[]> {
  const paths = await findInputs(inputs(directory, ...patterns));
  return paths.map((path) => path.slice(directory.length + 1));
}

const TREE = {
  'package.json': '{}',
  'src/b.ts': 'b',
  'src/a.ts': 'a',
  'src/deep/c.ts': 'c',
  'src/deep/c.tmp': 't',
  'src/.hidden': 'h',
  'app/[id].tsx': 'page',
  'app/(group)/x.tsx': 'page',
  'node_modules/x/index.js': 'x',
};

describe('findInputs()', () => {
  it('returns files in a fixed order, each once', async () => {
    const tree = project(TREE);
    const want = ['package.json', 'src/a.ts', 'src/b.ts', 'src/deep/c.ts'];
    expect(await found(tree, 'src/**/*.ts', 'package.json', 'src/a.ts')).toEqual(want);
  });

  it('a directory means all files below it, hidden ones too; a glob skips hidden files', async () => {
    const tree = project(TREE);
    expect(await found(tree, 'src')).toEqual([
      'src/.hidden',
      'src/a.ts',
      'src/b.ts',
      'src/deep/c.tmp',
      'src/deep/c.ts',
    ]);
    expect(await found(tree, 'src/**')).not.toContain('src/.hidden');
    expect(await found(tree, './src/*')).toEqual(['src/a.ts', 'src/b.ts']);
  });

  it('a line with ! excludes files wherever the line is, and its directories are not read', async () => {
    const tree = project(TREE);
    // Unreadable for others than root too: it must not even be listed.
    const all = await found(tree, '!node_modules/**', '.', '!**/*.tmp', '!app');
    expect(all).toEqual(['package.json', 'src/.hidden', 'src/a.ts', 'src/b.ts', 'src/deep/c.ts']);
  });

  it('an existing name that looks like a glob is taken literally', async () => {
    const tree = project(TREE);
    expect(await found(tree, 'app/[id].tsx', 'app/(group)')).toEqual([
      'app/(group)/x.tsx',
      'app/[id].tsx',
    ]);
  });

  it('resolves paths from its own directory, and may leave it', async () => {
    const tree = project(TREE);
    const paths = await findInputs(inputs(join(tree, 'src'), '../package.json', 'deep/*.ts'));
    expect(paths).toEqual([join(tree, 'package.json'), join(tree, 'src/deep/c.ts')]);
  });

  it('links are followed only where a line names them', async () => {
    const tree = project(TREE);
    symlinkSync('../src', join(tree, 'app/loop'));
    symlinkSync('.', join(tree, 'src/deep/self'));
    expect(await found(tree, 'app/**')).toContain('app/loop');
    expect(await found(tree, 'app/loop')).toContain('app/loop/a.ts');
    expect(await found(tree, 'src')).toContain('src/deep/self');
  });

  it.each(['nothing.txt', 'none/**', 'src/*.rs', 'a[b'])(
    '"%s" that names nothing is an error with its line',
    async (pattern) => {
      const tree = project(TREE);
      await expect(found(tree, pattern)).rejects.toMatchObject({
        code: 'PROJECT_INPUT_MISSING',
        at: { line: 3, col: 14 },
      });
    },
  );

  it('a glob whose files an earlier line named is not an error', async () => {
    const tree = project(TREE);
    expect(await found(tree, 'src', 'src/*.ts')).toHaveLength(5);
  });

  it('refuses more files than the limit', async () => {
    const tree = project({ 'x/0': '' });
    for (let n = 1; n <= MAX_INPUT_FILES; n += 1) writeFileSync(join(tree, 'x', String(n)), '');
    await expect(found(tree, 'x')).rejects.toMatchObject({ code: 'PROJECT_INPUT_LIMIT' });
  });

  it('refuses a path that is not a file, without waiting for a writer', async () => {
    const tree = project(TREE);
    spawnSync('mkfifo', [join(tree, 'pipe')]);
    await expect(found(tree, 'pipe')).rejects.toMatchObject({ code: 'PROJECT_INPUT_UNREADABLE' });
  });
});

describe('digestInputs()', () => {
  const digest = async (directory: string, memo: DigestMemo, ...patterns: string[]) => {
    const files = await digestInputs(inputs(directory, ...patterns), directory, memo);
    return Object.fromEntries(files.map((file) => [file.path, file.digest]));
  };
  const memoAt = (directory: string) => DigestMemo.open(join(directory, 'memo.json'));

  it('changes with the content, the execute bit and the target of a link, not with times', async () => {
    const tree = project({ 'a/x': '1', 'a/y': '2', target: 'one' });
    symlinkSync('../target', join(tree, 'a/link'));
    symlinkSync('../gone', join(tree, 'a/dangling'));
    const memo = await memoAt(tree);
    const before = await digest(tree, memo, 'a');
    utimesSync(join(tree, 'a/x'), 1, 1);
    expect(await digest(tree, memo, 'a')).toEqual(before);
    writeFileSync(join(tree, 'a/x'), '3');
    chmodSync(join(tree, 'a/y'), 0o755);
    writeFileSync(join(tree, 'target'), 'two');
    const after = await digest(tree, memo, 'a');
    const changed = Object.keys(after).filter((path) => after[path] !== before[path]);
    expect(changed).toEqual(['a/link', 'a/x', 'a/y']);
  });

  it('detects a rewrite of the same size in the same tick, with its time set back', async () => {
    const tree = project({ x: 'aaaa' });
    const memo = await memoAt(tree);
    for (let round = 0; round < 50; round += 1) {
      const before = await digest(tree, memo, 'x');
      const { atime, mtime } = statSync(join(tree, 'x'));
      writeFileSync(join(tree, 'x'), round % 2 === 0 ? 'bbbb' : 'aaaa');
      utimesSync(join(tree, 'x'), atime, mtime);
      expect(await digest(tree, memo, 'x')).not.toEqual(before);
    }
  });
});

describe('DigestMemo', () => {
  const DIGEST = 'd'.repeat(64);

  it('keeps settled files across a save, and forgets a file when anything about it changes', async () => {
    const tree = project({ x: 'one' });
    const [path, file] = [join(tree, 'memo.json'), join(tree, 'x')];
    const memo = await DigestMemo.open(path);
    const stat = statSync(file, { bigint: true });
    const settledMs = Number(stat.ctimeMs) + SETTLED_AFTER_MS + 1;
    memo.add(file, stat, DIGEST, settledMs);
    await memo.save();
    const again = await DigestMemo.open(path);
    expect(again.find(file, stat)).toBe(DIGEST);
    appendFileSync(file, '!');
    expect(again.find(file, statSync(file, { bigint: true }))).toBeNull();
    expect(again.find(`${file}2`, stat)).toBeNull();
  });

  it('does not keep a file that changed a moment ago', async () => {
    const tree = project({ x: 'one' });
    const memo = await DigestMemo.open(join(tree, 'memo.json'));
    const stat = statSync(join(tree, 'x'), { bigint: true });
    memo.add(join(tree, 'x'), stat, DIGEST, Number(stat.ctimeMs) + SETTLED_AFTER_MS - 1);
    expect(memo.find(join(tree, 'x'), stat)).toBeNull();
  });

  it.each([
    '',
    '{',
    '[]',
    'null',
    '{"version":1,"entries":[["x","y","z"],3]}',
    '{"version":9,"entries":[]}',
  ])('a damaged file %j is an empty memo', async (text) => {
    const tree = project({ 'memo.json': text, x: '' });
    const memo = await DigestMemo.open(join(tree, 'memo.json'));
    expect(memo.find('x', statSync(join(tree, 'x'), { bigint: true }))).toBeNull();
  });

  it('writes nothing when nothing was added, and ignores a directory that it cannot write to', async () => {
    const tree = project({ x: '', blocked: 'a file where a directory is wanted' });
    await (await DigestMemo.open(join(tree, 'memo.json'))).save();
    expect(() => readFileSync(join(tree, 'memo.json'))).toThrow('ENOENT');
    const memo = await DigestMemo.open(join(tree, 'none.json'));
    const stat = statSync(join(tree, 'x'), { bigint: true });
    memo.add('x', stat, DIGEST, Number(stat.ctimeMs) + 2 * SETTLED_AFTER_MS);
    await memo.save();
    expect(readFileSync(join(tree, 'none.json'), 'utf8')).toContain(DIGEST);
  });
});
