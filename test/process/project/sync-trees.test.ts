import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { syncTrees } from '../../../src/project/copies/sync-trees.ts';
import { hostFiles } from '../../fixtures/host-files.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { sandbox } from '../../unit/project/fake-vm.ts';

let host = '';
let guest = '';
let outside = '';

function write(top: string, path: string, text: string): void {
  mkdirSync(dirname(join(top, path)), { recursive: true });
  writeFileSync(join(top, path), text);
}

/** Puts changed paths below `host` into `guest`, by the guest's own files process. */
function sync(...paths: string[]) {
  const mounts = [{ kind: 'copy', hostPath: host, guestPath: guest, usesGitignore: true }] as const;
  const { vm } = sandbox('box', [], { mounts, hide: ['.env'] });
  const names = paths.map((path) => join(host, path));
  return syncTrees(vm, hostFiles(), names, new AbortController().signal);
}

beforeEach(() => {
  host = temporaryDirectory();
  guest = temporaryDirectory();
  outside = temporaryDirectory();
});

describe('syncTrees()', () => {
  it('copies what changed, with its mode, makes its directories, and leaves everything else alone', async () => {
    write(host, 'a/b/new.sh', 'new');
    chmodSync(join(host, 'a/b/new.sh'), 0o750);
    write(host, 'a/same', 'host');
    write(guest, 'a/same', 'guest');
    expect(await sync('a/b/new.sh')).toEqual({ files: 1, deleted: 0 });
    expect(readFileSync(join(guest, 'a/b/new.sh'), 'utf8')).toBe('new');
    expect(lstatSync(join(guest, 'a/b/new.sh')).mode & 0o777).toBe(0o750);
    expect(readFileSync(join(guest, 'a/same'), 'utf8')).toBe('guest');
  });

  it('deletes what is gone, and the directories that are empty then, unless the host still has them', async () => {
    write(guest, 'gone/deep/x', '1');
    write(guest, 'kept/x', '1');
    mkdirSync(join(host, 'kept'));
    write(guest, 'shared/x', '1');
    write(guest, 'shared/own-of-guest', '1');
    expect(await sync('gone/deep/x', 'kept/x', 'shared/x', 'never')).toEqual({
      files: 0,
      deleted: 3,
    });
    expect(readdirSync(guest).toSorted()).toEqual(['kept', 'shared']);
    expect(readdirSync(join(guest, 'kept'))).toEqual([]);
    expect(readdirSync(join(guest, 'shared'))).toEqual(['own-of-guest']);
  });

  it('neither copies nor deletes what the copy leaves out', async () => {
    write(host, '.gitignore', '*.log\ndist/\n');
    for (const path of ['.env', 'x.log', 'dist/a']) write(host, path, 'host');
    for (const path of ['y.log', 'dist/own']) write(guest, path, 'guest');
    const paths = ['.env', 'x.log', 'dist/a', 'y.log', 'dist/own', '.git/index'];
    expect(await sync(...paths)).toEqual({ files: 0, deleted: 0 });
    expect(readdirSync(guest).toSorted()).toEqual(['dist', 'y.log']);
    expect(readdirSync(join(guest, 'dist'))).toEqual(['own']);
  });

  it('replaces what the guest has of another type', async () => {
    write(host, 'now-file', 'file');
    write(guest, 'now-file/inner', 'x');
    write(host, 'now-directory/inner', 'inner');
    write(guest, 'now-directory', 'x');
    symlinkSync('anywhere', join(host, 'link'));
    write(guest, 'link', 'x');
    await sync('now-file', 'now-directory', 'now-directory/inner', 'link');
    expect(readFileSync(join(guest, 'now-file'), 'utf8')).toBe('file');
    expect(readFileSync(join(guest, 'now-directory/inner'), 'utf8')).toBe('inner');
    expect(lstatSync(join(guest, 'link')).isSymbolicLink()).toBe(true);
  });

  it('follows no link of the guest, neither to write nor to delete', async () => {
    write(outside, 'precious', 'precious');
    symlinkSync(join(outside, 'precious'), join(guest, 'file'));
    symlinkSync(outside, join(guest, 'directory'));
    write(host, 'file', 'new');
    expect(await sync('file', 'directory/precious')).toEqual({ files: 1, deleted: 0 });
    expect(lstatSync(join(guest, 'file')).isSymbolicLink()).toBe(false);
    write(host, 'directory/precious', 'new');
    await expect(sync('directory/precious')).rejects.toThrow();
    expect(readFileSync(join(outside, 'precious'), 'utf8')).toBe('precious');
    expect(readdirSync(outside)).toEqual(['precious']);
  });

  it('copies a volume that is one file, and skips files of no volume', async () => {
    write(host, 'conf', 'two');
    const mounts = [
      { kind: 'copy', hostPath: join(host, 'conf'), guestPath: join(guest, 'conf') },
    ].map((mount) => ({ ...mount, kind: 'copy' as const, usesGitignore: false }));
    const { vm } = sandbox('box', [], { mounts });
    const { signal } = new AbortController();
    const paths = [join(host, 'conf'), `${host}-other/x`];
    expect(await syncTrees(vm, hostFiles(), paths, signal)).toEqual({ files: 1, deleted: 0 });
    rmSync(join(host, 'conf'));
    expect(await syncTrees(vm, hostFiles(), paths, signal)).toEqual({ files: 0, deleted: 0 });
    expect(existsSync(join(guest, 'conf'))).toBe(true);
  });
});
