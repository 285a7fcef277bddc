import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { encodeFileAttributes } from '../../../../src/protocol/files/file-attributes.ts';
import { FilesSession } from '../../../../src/vm/files/files-session.ts';
import { GuestFileSystem } from '../../../../src/vm/files/guest-file-system.ts';
import { FakeFilesProcess } from '../../../fixtures/fake-files-process.ts';
import { hostFiles } from '../../../fixtures/host-files.ts';
import { temporaryDirectory } from '../../../fixtures/temporary-directory.ts';

const outcome = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error: { code: string; message: string }) => `${error.code} ${error.message}`,
  );

function makeTree(directory: string): string {
  const tree = join(directory, 'tree');
  mkdirSync(join(tree, 'sub/empty'), { recursive: true });
  for (let i = 0; i < 100; i += 1) writeFileSync(join(tree, `sub/f${i}`), `${i}`);
  writeFileSync(join(tree, 'large'), Buffer.alloc(700_000, 3));
  writeFileSync(join(tree, 'run.sh'), '#!/bin/sh\n');
  chmodSync(join(tree, 'run.sh'), 0o4755);
  linkSync(join(tree, 'large'), join(tree, 'sub/again'));
  symlinkSync('../large', join(tree, 'sub/link'));
  writeFileSync(join(tree, `sub/${'n'.repeat(200)}`), 'long name');
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/sub/odd`), Buffer.of(0xff)]), 'odd');
  utimesSync(join(tree, 'large'), 1, 1_234_567_890);
  chmodSync(join(tree, 'sub/empty'), 0o500);
  utimesSync(join(tree, 'sub'), 1, 1_000_000_000);
  return tree;
}

/** A line for each file and link: mode, number of names, target, and time of a file. */
function describeTree(directory: string): string {
  const ofFile = ['-type', 'f', '-printf', '%P %#m %n %Ts\n'];
  const ofLink = ['-type', 'l', '-printf', '%P -> %l\n'];
  const args = [directory, ...ofFile, '-o', ...ofLink];
  const text = execFileSync('find', args, { encoding: 'latin1' });
  return text.split('\n').toSorted().join('\n');
}

/** Archives in the order of their arguments, each of a directory whose content a function makes. */
function tarOf(...parts: readonly ((directory: string) => readonly string[])[]): Buffer {
  const archive = join(temporaryDirectory(), 'archive.tar');
  execFileSync('tar', ['cf', archive, '-T', '/dev/null']);
  for (const make of parts) {
    const directory = temporaryDirectory();
    execFileSync('tar', ['rPf', archive, '-C', directory, '--', ...make(directory)]);
  }
  return readFileSync(archive);
}

const file = (name: string, text: string) => (directory: string) => {
  mkdirSync(join(directory, name, '..'), { recursive: true });
  writeFileSync(join(directory, name), text);
  return [name];
};
const link = (name: string, target: string) => (directory: string) => {
  symlinkSync(target, join(directory, name));
  return [name];
};

const BAD = 'FILES_BAD_ARCHIVE';

const unpack = (target: string, archive: Buffer) =>
  hostFiles().writeArchive(target, new PassThrough().end(archive));

describe('readArchive()', () => {
  it('gives GNU tar a tree with its links, hard links, modes, times and names', async () => {
    const directory = temporaryDirectory();
    const tree = makeTree(directory);
    const archive = await buffer(hostFiles().readArchive(tree));
    const target = temporaryDirectory();
    execFileSync('tar', ['xpf', '-', '-C', target], { input: archive });
    const wanted = describeTree(tree).replace(' 04755 ', ' 0755 ');
    expect(describeTree(join(target, 'tree'))).toBe(wanted);
    expect(readFileSync(join(target, 'tree/large')).equals(Buffer.alloc(700_000, 3))).toBe(true);
    expect(statSync(join(target, 'tree/sub')).mtimeMs).toBe(1_000_000_000_000);
    expect(statSync(join(target, 'tree/sub/empty')).mode & 0o777).toBe(0o500);
    const [one, other] = [join(target, 'tree/large'), join(target, 'tree/sub/again')];
    expect(statSync(one).ino).toBe(statSync(other).ino);
    // Once, whatever its names.
    expect(archive.length).toBeLessThan(1_000_000);
  });

  it('gives one file, and the content of a path that ends with a dot', async () => {
    const directory = join(temporaryDirectory(), 'here');
    mkdirSync(join(directory, 'below'), { recursive: true });
    writeFileSync(join(directory, 'one'), 'one');
    const files = hostFiles(directory);
    const list = async (path: string) => {
      const input = await buffer(files.readArchive(path));
      return execFileSync('tar', ['tf', '-'], { input, encoding: 'utf8' });
    };
    expect(await list('one')).toBe('one\n');
    expect((await list(`${directory}/.`)).split('\n')).toContain('here/one');
    expect((await list(`${directory}/below/..`)).split('\n')).toContain('./one');
  });

  it('fails by its stream: a missing path, a limit, a cancelled copy', async () => {
    const directory = temporaryDirectory();
    const tree = makeTree(directory);
    const files = hostFiles();
    const stop = new AbortController();
    const cancelled = outcome(buffer(files.readArchive(tree, { signal: stop.signal })));
    stop.abort();
    expect(await cancelled).toMatch(/^FILES_ABORTED/);
    expect(await outcome(buffer(files.readArchive(`${tree}/none`)))).toMatch(/^ENOENT/);
    for (const limits of [{ maxEntries: 10 }, { maxBytes: 1_000 }]) {
      expect(await outcome(buffer(files.readArchive(tree, limits)))).toMatch(/^FILES_TOO_LARGE/);
    }
    expect((await files.readFile(`${tree}/sub/f7`)).toString()).toBe('7');
  });
});

it('readArchive() refuses a file of a hostile guest that has less than it said', async () => {
  const attributes = encodeFileAttributes({
    ...{ mode: 0o100644, uid: 0, gid: 0, nlink: 1, size: 2 ** 33, blockBytes: 4_096 },
    ...{ ino: 1n, dev: 1n, rdev: 0n, blocks: 8n, atimeNs: 0n, mtimeNs: 0n, ctimeNs: 0n },
  });
  const start = () => {
    const process = new FakeFilesProcess();
    process.serve(({ id, operation }) => {
      const body = operation === 'READ' ? Buffer.from('evil') : attributes;
      process.reply(id, 0, operation === 'CLOSE' ? undefined : body);
    });
    return Promise.resolve(process);
  };
  const link = { start, explain: (error: unknown) => Promise.resolve(error) };
  const files = new GuestFileSystem(new FilesSession(link, ''), undefined);
  const result = await outcome(buffer(files.readArchive('/a')));
  expect(result.split(' ')[0]).toBe('FILES_CHANGED');
});

describe('writeArchive()', () => {
  it.each(['gnu', 'pax', 'ustar', 'v7'])('unpacks what tar writes as %s', async (format) => {
    const directory = temporaryDirectory();
    const tree = makeTree(directory);
    if (format === 'v7' || format === 'ustar') {
      // They have no room for such a name.
      rmSync(join(tree, `sub/${'n'.repeat(200)}`));
      utimesSync(join(tree, 'sub'), 1, 1_000_000_000);
    }
    chmodSync(join(tree, 'run.sh'), 0o755);
    const tar = spawn('tar', ['c', `--format=${format}`, '-C', directory, 'tree'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const target = temporaryDirectory();
    const counts = await hostFiles().writeArchive(target, tar.stdout);
    expect(counts).toMatchObject({ directories: 3, links: 1, skipped: 0 });
    expect(describeTree(join(target, 'tree'))).toBe(describeTree(tree));
    expect(statSync(join(target, 'tree/sub')).mtimeMs).toBe(1_000_000_000_000);
    expect(statSync(join(target, 'tree/sub/empty')).mode & 0o777).toBe(0o500);
    const large = readFileSync(join(target, 'tree/sub/again'));
    expect(large.equals(Buffer.alloc(700_000, 3))).toBe(true);
  });

  it('takes what readArchive() gives, over what is there', async () => {
    const tree = makeTree(temporaryDirectory());
    const files = hostFiles();
    const target = temporaryDirectory();
    for (let round = 0; round < 2; round += 1) {
      await files.writeArchive(target, files.readArchive(tree));
    }
    const wanted = describeTree(tree).replace(' 04755 ', ' 0755 ');
    expect(describeTree(join(target, 'tree'))).toBe(wanted);
  });

  it('makes missing directories, drops a leading slash, lets the later entry win, and replaces links', async () => {
    const target = temporaryDirectory();
    symlinkSync('/nowhere', join(target, 'replaced'));
    const archive = tarOf(
      file('a/b/c', 'deep'),
      file('twice', 'first, and longer'),
      file('twice', 'second'),
      file('replaced', 'file'),
      (directory) => {
        writeFileSync(join(directory, 'absolute'), 'x');
        return [join(directory, 'absolute')];
      },
      (directory) => {
        execFileSync('mkfifo', [join(directory, 'fifo')]);
        chmodSync(directory, 0o700);
        return ['.'];
      },
    );
    expect(await unpack(target, archive)).toMatchObject({ files: 5, skipped: 1 });
    expect(readFileSync(join(target, 'a/b/c'), 'utf8')).toBe('deep');
    expect(readFileSync(join(target, 'twice'), 'utf8')).toBe('second');
    expect(lstatSync(join(target, 'replaced')).isFile()).toBe(true);
    const found = execFileSync('find', [target, '-name', 'absolute'], { encoding: 'utf8' });
    expect(found.startsWith(`${target}/`)).toBe(true);
  });

  it('writes nothing outside of its target, whatever the names and links', async () => {
    const outside = temporaryDirectory();
    const inside = (name: string) => [link('x', outside), file(name, 'evil')] as const;
    const hardLink = (directory: string) => {
      symlinkSync(outside, join(directory, 'x'));
      linkSync(join(directory, 'x'), join(directory, 'y'));
      return ['x', 'y'];
    };
    const cases = {
      'a name behind a link': tarOf(...inside('x/evil')),
      'a directory of a link': tarOf(link('x', outside), (directory) => {
        mkdirSync(join(directory, 'x'));
        return ['x'];
      }),
      'a link that a file replaces': tarOf(...inside('x'), file('x/evil', 'evil')),
      'a hard link to a link': tarOf(hardLink, file('y/evil', 'evil')),
      'two dots': tarOf((directory) => {
        mkdirSync(join(directory, 'x'));
        writeFileSync(join(directory, 'evil'), 'evil');
        return ['x/../evil'];
      }),
      'a hard link out': tarOf((directory) => {
        writeFileSync(join(directory, 'a'), 'a');
        linkSync(join(directory, 'a'), join(directory, 'b'));
        mkdirSync(join(directory, 'c'));
        return ['c/../a', 'b'];
      }),
    };
    for (const [name, archive] of Object.entries(cases)) {
      const target = temporaryDirectory();
      expect(await outcome(unpack(target, archive)), name).toContain(BAD);
      expect(readdirSync(outside), name).toEqual([]);
    }
    const target = temporaryDirectory();
    await unpack(target, tarOf(link('x', outside)));
    expect(readlinkSync(join(target, 'x'))).toBe(outside);
  });

  it('fails for a target that is missing or a file, for limits, and when it is cancelled', async () => {
    const target = temporaryDirectory();
    writeFileSync(join(target, 'file'), 'x');
    const archive = tarOf(file('a', 'hello'), file('b', 'hello'));
    expect(await outcome(unpack(join(target, 'none'), archive))).toMatch(/^ENOENT/);
    expect(await outcome(unpack(join(target, 'file'), archive))).toMatch(/^ENOTDIR/);
    for (const limits of [{ maxEntries: 1 }, { maxBytes: 9 }]) {
      const source = new PassThrough().end(archive);
      const result = outcome(hostFiles().writeArchive(target, source, limits));
      expect(await result).toMatch(/^FILES_TOO_LARGE/);
    }
    const stop = new AbortController();
    const endless = new PassThrough();
    endless.write(archive.subarray(0, 512));
    const cancelled = hostFiles().writeArchive(target, endless, { signal: stop.signal });
    stop.abort();
    expect(await outcome(cancelled)).toMatch(/^FILES_ABORTED/);
    expect(endless.destroyed).toBe(true);
  });
});

describe('copies', () => {
  it('copyIn() and copyOut() keep hard links within one copy', async () => {
    const tree = makeTree(temporaryDirectory());
    const files = hostFiles();
    for (const copy of ['copyIn', 'copyOut'] as const) {
      const to = join(temporaryDirectory(), 'to');
      // Again over what is there, as a tool in a loop would.
      for (let round = 0; round < 2; round += 1) {
        const counts = await files[copy](tree, to);
        expect(counts, copy).toMatchObject({ files: 105, links: 1 });
        expect(counts.bytes, copy).toBeLessThan(1_000_000);
      }
      const [one, other] = [join(to, 'large'), join(to, 'sub/again')];
      expect(statSync(one).ino, copy).toBe(statSync(other).ino);
      expect(statSync(one).nlink, copy).toBe(2);
      expect(readFileSync(other).equals(Buffer.alloc(700_000, 3)), copy).toBe(true);
    }
  });
});
