import { expect, it } from 'vitest';
import type { LayerEntry } from '../../../../src/image/oci/layer/layer-entry.ts';
import { TarReader } from '../../../../src/image/oci/layer/tar-reader.ts';
import { LAYER_END } from '../../../../src/image/oci/layer/tar-writer.ts';
import type { FileAttributes } from '../../../../src/protocol/files/file-attributes.ts';
import { rootFile, rootForm } from '../../../../src/vm/image-setup/root-archive.ts';

const STARTED_AT_MS = 1_800_000_000_000;

function attributes(change: Partial<FileAttributes> = {}): FileAttributes {
  return {
    ...{
      mode: 0o100644,
      uid: 7,
      gid: 8,
      nlink: 1,
      size: 0,
      ino: 1n,
      dev: 1n,
      rdev: 0n,
      blocks: 0n,
    },
    ...{ blockBytes: 4096, atimeNs: 0n, mtimeNs: 1_000_000_000_000n, ctimeNs: 0n },
    ...change,
  };
}

function form(change: Partial<Parameters<typeof rootForm>[0]> = {}) {
  const made = rootForm({
    ...{ without: new Set<string>(), isForeignLink: () => false, startedAtMs: STARTED_AT_MS },
    ...change,
  });
  made.choose({ name: Buffer.from('.'), attributes: attributes({ mode: 0o40755 }) });
  return made;
}

function entriesOf(archive: Buffer): LayerEntry[] {
  const entries: LayerEntry[] = [];
  const reader = new TarReader({
    onEntry: (entry) => entries.push(entry) < 0,
    onContent: () => undefined,
    onContentEnd: () => undefined,
  });
  reader.write(Buffer.concat([archive, LAYER_END]));
  reader.end();
  return entries;
}

const entry = (name: string, change: Partial<FileAttributes> = {}) => ({
  name: Buffer.from(name, 'latin1'),
  attributes: attributes(change),
});

it('rootForm() keeps owners, modes with set-user-ID, and times from before the start', () => {
  const [file] = entriesOf(form().header(entry('./a', { mode: 0o104755 }), 'file', { size: 0 }));
  expect(file).toMatchObject({
    type: 'file',
    name: './a',
    mode: 0o4755,
    uid: 7,
    gid: 8,
    mtime: 1000,
  });
});

it('rootForm() sets times of what the setup changed, and those out of range, to ones that an image holds', () => {
  const mtime = (mtimeNs: bigint) =>
    entriesOf(form().header(entry('./a', { mtimeNs }), 'file'))[0]?.mtime;
  expect(mtime(BigInt(STARTED_AT_MS) * 1_000_000n)).toBe(1735689600);
  expect(mtime(-5_000_000_000n)).toBe(0);
});

it('rootForm() enters no other file system, and writes its mount point as an image has it', () => {
  const made = form();
  const mounted = entry('./proc', { mode: 0o40777, dev: 9n });
  expect(made.choose(mounted)).toBe('alone');
  expect(made.choose(entry('./home', { mode: 0o40755 }))).toBe('all');
  // A file of a layer of the overlay.
  expect(made.choose(entry('./home/file', { dev: 5n }))).toBe('all');
  expect(
    entriesOf(made.header({ ...mounted, name: Buffer.from('./proc/') }, 'directory'))[0],
  ).toMatchObject({
    ...{ type: 'directory', mode: 0o755, uid: 0, gid: 0 },
  });
});

it('rootForm() leaves out the names and links that it is told', () => {
  const made = form({
    without: new Set(['./etc/hosts']),
    isForeignLink: (target) => target === '/etc/gondolin/ca.crt',
  });
  expect(made.choose(entry('./etc/hosts'))).toBe('nothing');
  expect(made.choose(entry('./etc/hostname'))).toBe('all');
  expect(made.choosesLink(entry('./l'), Buffer.from('/etc/gondolin/ca.crt'))).toBe(false);
  expect(made.choosesLink(entry('./l'), Buffer.from('ca.crt'))).toBe(true);
});

it('rootForm() writes devices with their numbers, and no sockets', () => {
  const device = form().special(entry('./null', { mode: 0o20666, rdev: 0x103n }));
  expect(entriesOf(device ?? Buffer.alloc(0))[0]).toMatchObject({
    ...{ type: 'character', major: 1, minor: 3 },
  });
  expect(form().special(entry('./socket', { mode: 0o140755 }))).toBeNull();
});

it('rootFile() is a file of root that the reader of layers takes', () => {
  expect(entriesOf(rootFile('./etc/hosts', Buffer.from('content'), 0o644))[0]).toMatchObject({
    ...{ type: 'file', name: './etc/hosts', size: 7, mode: 0o644, uid: 0 },
  });
});
