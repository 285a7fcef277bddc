import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { FileChanges, type WatchedRoot } from '../../../src/watch/files/file-changes.ts';
import { FileTree } from '../../../src/watch/files/file-tree.ts';
import { IS_FULL_LOAD } from '../../fixtures/full-load.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const LIMIT = { timeout: 20_000, interval: 10 };
/** Files that are older than this were read when watching started. */
const OLD = new Date(Date.now() - 60_000);

function fileTree(files: Readonly<Record<string, string>>): string {
  const root = join(temporaryDirectory(), 'src');
  mkdirSync(root);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(root, name, '..'), { recursive: true });
    writeFileSync(join(root, name), text);
    utimesSync(join(root, name), OLD, OLD);
  }
  return root;
}

interface Watched {
  readonly batches: string[][];
  readonly notices: string[];
  readonly own: Set<string>;
  /** Saves a file of its own and waits for it: what came before is reported by then. */
  settle(): Promise<string[][]>;
}

async function watch(
  root: string,
  rest: Partial<WatchedRoot> = {},
  debounceMs = 100,
): Promise<Watched> {
  const batches: string[][] = [];
  const notices: string[] = [];
  const own = new Set<string>();
  const errors: unknown[] = [];
  const changes = new FileChanges({
    roots: [{ path: root, ignore: { patterns: [], base: root }, ...rest }],
    debounceMs,
    isOwn: (path) => own.has(path.slice(root.length + 1)),
    onBatch: (paths) => batches.push(paths.map((path) => path.slice(root.length + 1))),
    onNotice: (message) => notices.push(message),
    onError: (error) => errors.push(error),
  });
  onTestFinished(async () => {
    await changes.close();
    expect(errors).toEqual([]);
  });
  await changes.ready;
  await changes.isRead;
  let count = 0;
  const settle = async () => {
    count += 1;
    const name = `settled-${count}`;
    writeFileSync(join(root, name), 'x');
    await expect.poll(() => batches.flat(), LIMIT).toContain(name);
    return batches
      .map((batch) => batch.filter((path) => !path.startsWith('settled-')))
      .filter((batch) => batch.length > 0);
  };
  return { batches, notices, own, settle };
}

/** Waits until the changes so far are reported. */
async function reported({ batches }: Watched, count: number): Promise<void> {
  await expect.poll(() => batches.length, LIMIT).toBeGreaterThanOrEqual(count);
}

it.each<[string, (path: string) => void]>([
  ['a plain write', (path) => writeFileSync(path, 'new')],
  ['an append', (path) => appendFileSync(path, 'more')],
  [
    'a rename over the file',
    (path) => {
      writeFileSync(`${path}.tmp~`, 'new');
      renameSync(`${path}.tmp~`, path);
    },
  ],
  [
    "vim's backup",
    (path) => {
      writeFileSync(join(path, '../4913'), '');
      rmSync(join(path, '../4913'));
      renameSync(path, `${path}~`);
      writeFileSync(path, 'new');
      rmSync(`${path}~`);
    },
  ],
  [
    'truncate and write',
    (path) => {
      writeFileSync(path, '');
      writeFileSync(path, 'new');
    },
  ],
  [
    "emacs's lock and backup",
    (path) => {
      symlinkSync('me@host.1', join(path, '../.#a.txt'));
      writeFileSync(join(path, '../#a.txt#'), 'new');
      writeFileSync(path, 'new');
      rmSync(join(path, '../#a.txt#'));
      rmSync(join(path, '../.#a.txt'));
    },
  ],
  ['a removal', (path) => rmSync(path)],
])('FileChanges reports %s as one change of one file', async (_name, save) => {
  const root = fileTree({ 'a.txt': 'old', 'b.txt': 'old' });
  const watched = await watch(root);
  save(join(root, 'a.txt'));
  await reported(watched, 1);
  expect(await watched.settle()).toEqual([['a.txt']]);
});

it('FileChanges reports neither a touch, nor the same content again, nor what a guest wrote', async () => {
  const root = fileTree({ 'a.txt': 'old', 'b.txt': 'old' });
  const watched = await watch(root);
  utimesSync(join(root, 'a.txt'), new Date(), new Date());
  writeFileSync(join(root, 'b.txt'), 'old');
  watched.own.add('guest.txt');
  writeFileSync(join(root, 'guest.txt'), 'by the guest');
  expect(await watched.settle()).toEqual([]);
  // A host's write after the guest's counts, also with the content from before the guest's.
  watched.own.clear();
  writeFileSync(join(root, 'guest.txt'), 'by the host');
  await expect.poll(() => watched.batches.flat(), LIMIT).toContain('guest.txt');
});

it('FileChanges reports no touch of a file whose time is just below a full millisecond', async () => {
  const root = fileTree({ 'a.txt': 'old' });
  // As Node 26 writes the time of a Date; as a double in milliseconds it is the next full one.
  execFileSync('touch', ['--date=@1700000000.122999906', join(root, 'a.txt')]);
  const watched = await watch(root);
  utimesSync(join(root, 'a.txt'), new Date(), new Date());
  expect(await watched.settle()).toEqual([]);
});

it('FileChanges reports 500 files that are written at once as one batch', async () => {
  const root = fileTree({ 'a.txt': 'old' });
  const watched = await watch(root);
  for (let n = 0; n < 500; n += 1) writeFileSync(join(root, `f${n}.txt`), String(n));
  await expect.poll(() => watched.batches.flat().length, LIMIT).toBe(500);
  expect(watched.batches).toHaveLength(1);
});

it('FileChanges ignores by its defaults, by each .gitignore, and by the patterns of the project file', async () => {
  const root = fileTree({
    '.gitignore': '*.log\nbuild/\n!keep.log\n',
    'lib/.gitignore': 'generated.ts\n',
    'lib/generated.ts': '',
    'build/out.js': '',
  });
  mkdirSync(join(root, '.git'));
  const ignore = { patterns: ['*.tmp', '!node_modules/'], base: root };
  const watched = await watch(root, { ignore });
  for (const name of [
    'x.log',
    'build/out.js',
    'lib/generated.ts',
    '.git/HEAD',
    'a.tmp',
    'a.txt~',
  ]) {
    writeFileSync(join(root, name), 'new');
  }
  expect(await watched.settle()).toEqual([]);
  mkdirSync(join(root, 'node_modules'));
  for (const name of ['keep.log', 'generated.ts', 'node_modules/m.js']) {
    writeFileSync(join(root, name), 'new');
  }
  await expect
    .poll(() => watched.batches.flat().toSorted(), LIMIT)
    .toEqual(expect.arrayContaining(['generated.ts', 'keep.log', 'node_modules/m.js']));
  // A pattern that is taken back counts from then on.
  writeFileSync(join(root, '.gitignore'), 'build/\n');
  await expect.poll(() => watched.batches.flat(), LIMIT).toContain('.gitignore');
  writeFileSync(join(root, 'x.log'), 'newer');
  await expect.poll(() => watched.batches.flat(), LIMIT).toContain('x.log');
});

it('FileChanges waits for a root that vanishes, and compares it with what it was when it returns', async () => {
  const root = fileTree({ 'a.txt': 'old', 'deep/b.txt': 'old' });
  const watched = await watch(root);
  renameSync(root, `${root}.away`);
  await expect.poll(() => watched.notices.length, LIMIT).toBe(1);
  renameSync(`${root}.away`, root);
  await expect.poll(() => watched.notices.length, LIMIT).toBe(2);
  expect(await watched.settle()).toEqual([]);
  rmSync(root, { recursive: true });
  mkdirSync(join(root, 'deep'), { recursive: true });
  writeFileSync(join(root, 'deep/b.txt'), 'new');
  await expect.poll(() => watched.batches.flat(), LIMIT).toContain('deep/b.txt');
  expect(await watched.settle()).toEqual([['a.txt', 'deep/b.txt']]);
});

it('FileChanges watches a root that does not exist yet, and one that is a file', async () => {
  const directory = temporaryDirectory();
  const late = await watch(join(directory, 'late'));
  mkdirSync(join(directory, 'late'));
  writeFileSync(join(directory, 'late/a.txt'), 'new');
  await expect.poll(() => late.batches, LIMIT).toEqual([['a.txt']]);
  const file = join(directory, 'settings.txt');
  writeFileSync(file, 'old');
  const one = await watch(file);
  writeFileSync(join(directory, 'other.txt'), 'new');
  writeFileSync(`${file}~`, 'new');
  renameSync(`${file}~`, file);
  await expect.poll(() => one.batches, LIMIT).toEqual([['']]);
});

it('FileTree ends with an error when there are too many files to watch', async () => {
  const root = fileTree({ 'a.txt': '', 'b.txt': '', 'c.txt': '' });
  const codes: string[] = [];
  const nothing = () => undefined;
  const tree = new FileTree({
    ...{ root, isIgnored: () => false, maxFiles: 2 },
    ...{ onFound: nothing, onChange: nothing, onGone: nothing, onBack: nothing },
    onError: ({ code }) => codes.push(code),
  });
  onTestFinished(() => tree.close());
  await tree.ready;
  expect(codes).toEqual(['WATCH_FAILED']);
});

/** A history of two branches, `one` and `two`, which differ in each file. */
function history(fileCount: number): string {
  const commit = (branch: string) => {
    const files = Array.from({ length: fileCount }, (_, n) => {
      const text = `${branch} ${n}`;
      return `M 644 inline f${n}.txt\ndata ${text.length}\n${text}\n`;
    });
    return `commit refs/heads/${branch}\ncommitter t <t@t.test> 0 +0000\ndata 1\nx\n${files.join('')}\n`;
  };
  return commit('one') + commit('two');
}

const CHECKED_OUT = IS_FULL_LOAD ? 2_000 : 400;

it(`FileChanges reports a git checkout of ${CHECKED_OUT} files as one batch`, async () => {
  const root = join(temporaryDirectory(), 'repository');
  mkdirSync(root);
  const git = (args: string[], input = '') =>
    execFileSync('git', ['-C', root, ...args], { input, stdio: ['pipe', 'ignore', 'ignore'] });
  git(['init', '-q']);
  git(['fast-import', '--quiet'], history(CHECKED_OUT));
  git(['checkout', '-q', 'one']);
  const watched = await watch(root);
  git(['checkout', '-q', 'two']);
  await expect.poll(() => watched.batches.flat().length, LIMIT).toBe(CHECKED_OUT);
  expect(watched.batches).toHaveLength(1);
}, 120_000);

it('a save right after the report of another is not lost', async () => {
  const root = fileTree({ 'a.txt': 'old' });
  const { batches } = await watch(root, {}, 10);
  for (const text of ['first', 'second']) {
    const before = batches.length;
    writeFileSync(join(root, 'a.txt'), text);
    await expect.poll(() => batches.length, { timeout: 10_000, interval: 1 }).toBe(before + 1);
  }
  expect(batches).toEqual([['a.txt'], ['a.txt']]);
});
