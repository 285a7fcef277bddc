import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  buildDirectoryAtomic,
  replaceDirectoryAtomic,
  sweepTemporaries,
  temporaryName,
  writeFileAtomic,
} from '../../../src/host/atomic-write.ts';
import { formatOwner, identifyOwnProcess } from '../../../src/host/process-life.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

it('writeFileAtomic() replaces a file, private to the user, and leaves nothing beside it', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'a/b.json');
  await writeFileAtomic(file, 'one');
  await writeFileAtomic(file, Buffer.from('two'));
  expect(readFileSync(file, 'utf8')).toBe('two');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(directory, 'a')).mode & 0o777).toBe(0o700);
  expect(readdirSync(join(directory, 'a'))).toEqual(['b.json']);
});

it('writeFileAtomic() keeps one whole content when many write at once', async () => {
  const file = join(temporaryDirectory(), 'x');
  const texts = Array.from({ length: 20 }, (_, index) => String(index).repeat(10_000));
  await Promise.all(texts.map((text) => writeFileAtomic(file, text)));
  expect(texts).toContain(readFileSync(file, 'utf8'));
});

it('writeFileAtomic() keeps the old file and no temporary one when it fails', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'taken');
  mkdirSync(join(file, 'by a directory'), { recursive: true });
  await expect(writeFileAtomic(file, 'x')).rejects.toMatchObject({
    code: 'HOST_WRITE_FAILED',
    details: { path: file },
  });
  expect(readdirSync(directory)).toEqual(['taken']);
});

it('replaceDirectoryAtomic() leaves a whole directory under the name at every moment', async () => {
  const parent = temporaryDirectory();
  const target = join(parent, 'saved');
  const fill = (text: string) => async (temporary: string) => {
    writeFileSync(join(temporary, 'one'), text);
    await Promise.resolve();
    writeFileSync(join(temporary, 'two'), text);
  };
  await replaceDirectoryAtomic(target, fill('0'));
  let isOver = false;
  const replacing = (async () => {
    for (let round = 1; round <= 20; round += 1) {
      await replaceDirectoryAtomic(target, fill(String(round)));
    }
    isOver = true;
  })();
  while (!isOver) {
    const [one, two] = ['one', 'two'].map((name) => readFileSync(join(target, name), 'utf8'));
    expect(one).toBe(two);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await replacing;
  expect(readFileSync(join(target, 'one'), 'utf8')).toBe('20');
  expect(readdirSync(parent)).toEqual(['saved']);
});

it('replaceDirectoryAtomic() keeps the former directory when the new one fails', async () => {
  const parent = temporaryDirectory();
  const target = join(parent, 'saved');
  mkdirSync(target);
  writeFileSync(join(target, 'old'), '');
  const failing = replaceDirectoryAtomic(target, () => Promise.reject(new Error('full')));
  await expect(failing).rejects.toThrow('full');
  expect([readdirSync(parent), readdirSync(target)]).toEqual([['saved'], ['old']]);
});

it('buildDirectoryAtomic() shows the directory only when it is complete', async () => {
  const directory = temporaryDirectory();
  const target = join(directory, 'image');
  const outcome = await buildDirectoryAtomic(target, async (temporary) => {
    writeFileSync(join(temporary, 'one'), '1');
    mkdirSync(join(temporary, 'sub'));
    writeFileSync(join(temporary, 'sub/two'), '2');
    expect(existsSync(target)).toBe(false);
    await Promise.resolve();
  });
  expect(outcome).toBe('created');
  expect(readdirSync(directory)).toEqual(['image']);
  expect(readFileSync(join(target, 'sub/two'), 'utf8')).toBe('2');
});

it('buildDirectoryAtomic() keeps the first of two builds', async () => {
  const directory = temporaryDirectory();
  const target = join(directory, 'image');
  const build = (text: string) => (temporary: string) =>
    Promise.resolve(writeFileSync(join(temporary, 'who'), text));
  expect(await buildDirectoryAtomic(target, build('first'))).toBe('created');
  expect(await buildDirectoryAtomic(target, build('second'))).toBe('existed');
  expect(readFileSync(join(target, 'who'), 'utf8')).toBe('first');
  expect(readdirSync(directory)).toEqual(['image']);
});

it('buildDirectoryAtomic() passes on the error of its builder and removes what was built', async () => {
  const directory = temporaryDirectory();
  const failure = new Error('no network');
  const building = buildDirectoryAtomic(join(directory, 'image'), (temporary) => {
    writeFileSync(join(temporary, 'half'), '');
    return Promise.reject(failure);
  });
  await expect(building).rejects.toBe(failure);
  expect(readdirSync(directory)).toEqual([]);
});

it('sweepTemporaries() removes what dead processes left and nothing else', async () => {
  const directory = temporaryDirectory();
  const own = identifyOwnProcess();
  const dead = `tmp-${formatOwner({ ...own, startTicks: own.startTicks - 1 })}-aa`;
  mkdirSync(join(directory, dead, 'deep'), { recursive: true });
  const alive = temporaryName();
  const kept = [alive, 'image', 'tmp-foreign-name'];
  for (const name of kept) writeFileSync(join(directory, name), '');
  expect(await sweepTemporaries(directory)).toEqual([dead]);
  expect(readdirSync(directory).toSorted()).toEqual(kept.toSorted());
});

it('sweepTemporaries() waits a day for what belongs to another container', async () => {
  const directory = temporaryDirectory();
  const own = identifyOwnProcess();
  const foreign = `tmp-${formatOwner({ ...own, pidNamespace: own.pidNamespace + 1 })}-aa`;
  writeFileSync(join(directory, foreign), '');
  expect(await sweepTemporaries(directory)).toEqual([]);
  utimesSync(join(directory, foreign), 0, 0);
  expect(await sweepTemporaries(directory)).toEqual([foreign]);
});

it('sweepTemporaries() finds nothing in a missing directory', async () => {
  expect(await sweepTemporaries(join(temporaryDirectory(), 'missing'))).toEqual([]);
});
