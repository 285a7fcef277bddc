import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  encodeFileAttributes,
  type FileAttributes,
} from '../../../../src/protocol/files/file-attributes.ts';
import type { CopyOptions } from '../../../../src/vm/files/copy/copy-options.ts';
import { FilesSession } from '../../../../src/vm/files/files-session.ts';
import { GuestFileSystem } from '../../../../src/vm/files/guest-file-system.ts';
import { FakeFilesProcess, type SeenFilesRequest } from '../../../fixtures/fake-files-process.ts';
import { temporaryDirectory } from '../../../fixtures/temporary-directory.ts';

const DIRECTORY = 0o040755;
const FILE = 0o100644;
const LINK = 0o120777;

function attributes(mode: number, size = 4): Buffer {
  const own: FileAttributes = {
    ...{ mode, uid: 0, gid: 0, nlink: 1, size, blockBytes: 4_096 },
    ...{ ino: 1n, dev: 1n, rdev: 0n, blocks: 8n, atimeNs: 0n, mtimeNs: 0n, ctimeNs: 0n },
  };
  return encodeFileAttributes(own);
}

interface Listed {
  readonly name: string;
  readonly mode: number;
}

function page(entries: readonly Listed[], isLast = true, hasAttributes = true): Buffer {
  const parts = entries.map(({ name, mode }) => {
    const head = Buffer.alloc(8);
    head.writeUInt32LE(mode, 0);
    head.writeUInt32LE(name.length, 4);
    const own = hasAttributes ? attributes(mode) : Buffer.alloc(0);
    return Buffer.concat([head, Buffer.from(name), own]);
  });
  return Buffer.concat([Buffer.of(isLast ? 1 : 0), ...parts]);
}

function text(value: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(value.length);
  return Buffer.concat([length, Buffer.from(value)]);
}

/** A guest whose every directory has `entries` down to a depth, whose files say `evil`, and whose links lead to `target`. */
function hostileGuest(entries: readonly Listed[], target: string, depth = 2) {
  const paths = new Map<number, string>();
  const answer = ({ operation, body }: SeenFilesRequest): Buffer => {
    const handle = body.readUInt32LE(0);
    switch (operation) {
      case 'STAT':
        return attributes(DIRECTORY);
      case 'OPEN':
        paths.set(handle, body.subarray(16).toString());
        return attributes(FILE);
      case 'LIST':
        return page((paths.get(handle) ?? '').split('/').length - 1 > depth ? [] : entries);
      case 'READ':
        return body.readBigUInt64LE(4) === 0n ? Buffer.from('evil') : Buffer.alloc(0);
      case 'READLINK':
        return text(target);
      default:
        return Buffer.alloc(0);
    }
  };
  const start = () => {
    const process = new FakeFilesProcess();
    process.serve((request) => process.reply(request.id, 0, answer(request)));
    return Promise.resolve(process);
  };
  const link = { start, explain: (error: unknown) => Promise.resolve(error) };
  return new GuestFileSystem(new FilesSession(link, ''), undefined);
}

const outcome = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error: { code: string }) => error.code,
  );

it.each([
  ['a link and then a directory of its name', [LINK, DIRECTORY]],
  ['a directory and then a link of its name', [DIRECTORY, LINK]],
  ['a link and then a file of its name', [LINK, FILE]],
  ['all three, twice', [LINK, FILE, DIRECTORY, DIRECTORY, LINK, FILE]],
])('copyOut() of %s writes nothing outside of its target', async (_, modes) => {
  const host = temporaryDirectory();
  const outside = join(host, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'x'), 'mine');
  const entries = modes.map((mode) => ({ name: 'x', mode }));
  for (const target of [outside, join(outside, 'x'), '../outside', '..', '/']) {
    const to = join(host, 'to');
    const result = await outcome(hostileGuest(entries, target).copyOut('/a', to));
    expect(['done', 'FILES_COPY_FAILED']).toContain(result);
    expect(readdirSync(outside)).toEqual(['x']);
    expect(readFileSync(join(outside, 'x'), 'utf8')).toBe('mine');
    expect(readdirSync(host).toSorted()).toEqual(['outside', 'to']);
    execFileSync('rm', ['-rf', to]);
  }
});

it('copyOut() follows no link that is in its target already, and leaves what it leads to', async () => {
  const host = temporaryDirectory();
  mkdirSync(join(host, 'to'));
  mkdirSync(join(host, 'outside'));
  writeFileSync(join(host, 'mine'), 'mine');
  symlinkSync('../mine', join(host, 'to/file'));
  symlinkSync('../outside', join(host, 'to/directory'));
  const files = hostileGuest([{ name: 'file', mode: FILE }], '/', 1);
  await files.copyOut('/a', join(host, 'to'));
  expect(readFileSync(join(host, 'mine'), 'utf8')).toBe('mine');
  expect(lstatSync(join(host, 'to/file')).isFile()).toBe(true);
  const deep = hostileGuest([{ name: 'directory', mode: DIRECTORY }], '/');
  expect(await outcome(deep.copyOut('/a', join(host, 'to')))).toBe('FILES_COPY_FAILED');
  expect(readdirSync(join(host, 'outside'))).toEqual([]);
  symlinkSync('outside', join(host, 'top'));
  expect(await outcome(files.copyOut('/a', join(host, 'top')))).toBe('FILES_COPY_FAILED');
  expect(readdirSync(join(host, 'outside'))).toEqual([]);
});

it('copyOut() copies a link as it is, and a mode without set-user-ID', async () => {
  const host = temporaryDirectory();
  const entries = [
    { name: 'l', mode: LINK },
    { name: 's', mode: 0o106755 },
  ];
  const summary = await hostileGuest(entries, '/etc/passwd', 1).copyOut('/a', join(host, 'to'));
  expect(summary).toEqual({ files: 1, directories: 1, links: 1, bytes: 4, skipped: 0 });
  expect(readlinkSync(join(host, 'to/l'))).toBe('/etc/passwd');
  expect(statSync(join(host, 'to/s')).mode & 0o7000).toBe(0);
});

it.each<[string, CopyOptions, object]>([
  ['maxEntries', { maxEntries: 50 }, { limit: 50, unit: 'entries' }],
  ['maxBytes', { maxBytes: 100 }, { limit: 100, unit: 'bytes' }],
])('copyOut() of a tree that does not end stops at %s', async (_, options, details) => {
  const host = temporaryDirectory();
  const entries = [
    { name: 'd', mode: DIRECTORY },
    { name: 'f', mode: FILE },
  ];
  const endless = hostileGuest(entries, '/', Number.POSITIVE_INFINITY);
  await expect(endless.copyOut('/a', join(host, 'to'), options)).rejects.toMatchObject({
    code: 'FILES_TOO_LARGE',
    details,
  });
});

it('copyOut() of a directory whose list does not end stops at maxEntries', async () => {
  const process = new FakeFilesProcess();
  const endless = page(
    Array.from({ length: 100 }, (_, i) => ({ name: `f${i}`, mode: FILE })),
    false,
  );
  process.serve(({ id, operation }) => {
    const isEmpty = operation === 'CLOSE' || operation === 'READ';
    const body = operation === 'LIST' ? endless : attributes(DIRECTORY);
    process.reply(id, 0, isEmpty ? Buffer.alloc(0) : body);
  });
  const link = { start: () => Promise.resolve(process), explain: Promise.resolve.bind(Promise) };
  const files = new GuestFileSystem(new FilesSession(link, ''), undefined);
  const copied = files.copyOut('/a', join(temporaryDirectory(), 'to'), { maxEntries: 5_000 });
  await expect(copied).rejects.toMatchObject({ code: 'FILES_TOO_LARGE' });
  const pages = process.requests.filter(({ operation }) => operation === 'LIST');
  expect(pages.length).toBeLessThan(60);
});

/** A guest whose directories have these pages, one after the other. */
function pagedGuest(pages: readonly Buffer[]) {
  const guest = new FakeFilesProcess();
  const turns = new Map<number, number>();
  guest.serve(({ id, operation, body }) => {
    const handle = body.length < 4 ? 0 : body.readUInt32LE(0);
    if (operation === 'OPEN') turns.set(handle, 0);
    if (operation !== 'LIST') {
      const isStart = operation === 'READ' && body.readBigUInt64LE(4) === 0n;
      const isEmpty = operation === 'CLOSE' || operation === 'READ';
      const content = isStart ? Buffer.from('evil') : Buffer.alloc(0);
      guest.reply(id, 0, isEmpty ? content : attributes(DIRECTORY));
      return;
    }
    const turn = turns.get(handle) ?? 0;
    turns.set(handle, turn + 1);
    guest.reply(id, 0, pages[turn]);
  });
  const link = { start: () => Promise.resolve(guest), explain: Promise.resolve.bind(Promise) };
  return { guest, files: new GuestFileSystem(new FilesSession(link, ''), undefined) };
}

const many = (count: number, mode: number, name: (i: number) => string): Listed[] =>
  Array.from({ length: count }, (_, i) => ({ name: name(i), mode }));

async function drained(archive: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of archive);
}

type Act = readonly [name: string, act: (files: GuestFileSystem) => Promise<unknown>];
const COPY: Act = ['copyOut()', (files) => files.copyOut('/a', join(temporaryDirectory(), 'to'))];
const ARCHIVE: Act = ['readArchive()', (files) => drained(files.readArchive('/a'))];
const GLOB: Act = ['glob()', (files) => files.glob('/a/**/x')];

it.each([COPY, ARCHIVE, GLOB])(
  '%s of a hostile guest, whose directories have many names and more directories, is FILES_TOO_LARGE long before its names fill the memory',
  async (name, act) => {
    const long = (i: number) => `${i}-${'n'.repeat(245)}`;
    const between = many(580, FILE, (i) => `f${long(i)}`);
    const entries = [...many(60, DIRECTORY, long), ...between];
    const last = many(60, DIRECTORY, (i) => `d${i}`);
    const wide = page([...entries, ...last], true, name !== 'glob()');
    const before = process.memoryUsage().rss;
    await expect(act(pagedGuest([wide]).files)).rejects.toMatchObject({ code: 'FILES_TOO_LARGE' });
    expect(process.memoryUsage().rss - before).toBeLessThan(1.5 * 2 ** 30);
  },
);

it.each([COPY, ARCHIVE])(
  '%s asks for the next page of a directory when what is in the former one is on its way',
  async (_, act) => {
    const part = many(300, FILE, (i) => `f${i}`);
    const { guest, files } = pagedGuest([page(part, false), page(part)]);
    await outcome(act(files));
    const asked = guest.requests.map(({ operation }) => operation);
    const second = asked.indexOf('LIST', asked.indexOf('LIST') + 1);
    const opened = asked.slice(0, second).filter((operation) => operation === 'OPEN').length;
    expect(second).toBeGreaterThan(0);
    expect(opened).toBeGreaterThan(230);
  },
);

it('copyOut() into a directory that is missing, and copyIn() of nothing, are FILES_COPY_FAILED', async () => {
  const host = temporaryDirectory();
  const files = hostileGuest([], '/');
  expect(await outcome(files.copyOut('/a', join(host, 'none/to')))).toBe('FILES_COPY_FAILED');
  expect(await outcome(files.copyIn(join(host, 'none'), '/a'))).toBe('FILES_COPY_FAILED');
  expect(existsSync(join(host, 'none'))).toBe(false);
});

it('copyIn() sends a link of the host as a link, and a link that the user names as what it leads to', async () => {
  const host = temporaryDirectory();
  mkdirSync(join(host, 'tree'));
  writeFileSync(join(host, 'secret'), 'secret');
  symlinkSync('../secret', join(host, 'tree/link'));
  symlinkSync('tree', join(host, 'named'));
  const process = new FakeFilesProcess();
  process.serve(({ id, operation }) => {
    const body = operation === 'OPEN' ? attributes(DIRECTORY) : Buffer.alloc(0);
    process.reply(id, 0, body);
  });
  const link = { start: () => Promise.resolve(process), explain: Promise.resolve.bind(Promise) };
  const files = new GuestFileSystem(new FilesSession(link, ''), undefined);
  const summary = await files.copyIn(join(host, 'named'), '/a');
  expect(summary).toEqual({ files: 0, directories: 1, links: 1, bytes: 0, skipped: 0 });
  const sent = process.requests.map(({ operation }) => operation);
  expect(sent).toEqual(['MKDIR', 'OPEN', 'CLOSE', 'SYMLINK', 'SET']);
  const text = process.requests.map(({ body }) => body.toString('latin1')).join('');
  expect(text).toContain('../secret');
});
