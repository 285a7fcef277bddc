import {
  chmodSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isConflict } from '../../../src/project/overlays/apply-changes.ts';
import { manifestPath, readKept } from '../../../src/project/overlays/kept-overlay.ts';
import { MemoryProvider } from '../../../src/vfs/memory-provider.ts';
import { OverlayProvider } from '../../../src/vfs/overlay-provider.ts';
import { RealFSProvider } from '../../../src/vfs/real-fs-provider.ts';
import type { ModelNode } from '../../fixtures/file-model.ts';
import { guestOf, OverlayGuest } from '../../fixtures/overlay-guest.ts';
import { Comparison, operation, PRELUDE, USER } from '../../fixtures/provider-comparison.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const O_RDWR = 2;

/** What the guest of the model has: every name with its content. */
function modelTree(node: ModelNode, path = ''): string[] {
  if (node.kind === 'file') return [`${path} ${node.data.toString('base64')}`];
  if (node.kind === 'link') return [`${path} -> ${node.target}`];
  const below = [...node.children].flatMap(([name, child]) => modelTree(child, `${path}/${name}`));
  return [`${path}/`, ...below];
}

/** The names of each file of the model. */
function modelNames(node: ModelNode, path = '', names = new Map<ModelNode, string[]>()) {
  if (node.kind === 'file') names.set(node, [...(names.get(node) ?? []), path]);
  if (node.kind !== 'directory') return names;
  for (const [name, child] of node.children) {
    modelNames(child, path === '' ? name : `${path}/${name}`, names);
  }
  return names;
}

function hostTree(directory: string, path = ''): string[] {
  const at = join(directory, path);
  const stat = lstatSync(at);
  if (stat.isSymbolicLink()) return [`${path} -> ${readlinkSync(at)}`];
  if (stat.isFile()) return [`${path} ${readFileSync(at, 'base64')}`];
  return [`${path}/`, ...readdirSync(at).flatMap((name) => hostTree(directory, `${path}/${name}`))];
}

const steps = fc.array(operation, { maxLength: 40, size: 'max' });

it('what is kept of any changes makes the host directory what the guest made of it', async () => {
  await fc.assert(
    fc.asyncProperty(steps, steps, async (below, above) => {
      const host = temporaryDirectory();
      const lower = new RealFSProvider(host);
      const before = new Comparison(lower, lower.start(USER));
      for (const step of [...PRELUDE, ...below]) await before.run(step);
      await before.close();
      const guest = new OverlayGuest(host);
      const compared = new Comparison(guest.provider, await guest.start(), before.model);
      for (const step of above) await compared.run(step);
      await compared.close();
      await guest.end();
      expect(guest.warnings).toEqual([]);
      const { checked, apply, close } = await guest.check();
      if (checked !== null) {
        expect(checked.changes.filter((one) => one.state !== 'pending')).toEqual([]);
        expect((await apply()).skipped).toEqual([]);
        const changed = new Set(checked.changes.map(({ change }) => change.path));
        for (const names of modelNames(before.model.root).values()) {
          const own = names.filter((name) => changed.has(name));
          const inodes = own.map((name) => lstatSync(join(host, name)).ino);
          expect(new Set(inodes).size, own.join(' ')).toBeLessThanOrEqual(1);
        }
        const again = await guest.check();
        expect(again.lines.filter((line) => !line.endsWith('applied'))).toEqual([]);
        again.close();
      }
      close();
      expect(hostTree(host).toSorted()).toEqual(modelTree(before.model.root).toSorted());
    }),
    { numRuns: 60 },
  );
});

describe('changes of an overlay', () => {
  it('are listed while it is mounted, with types, modes and sizes', async () => {
    const guest = await guestOf({ 'src/a.js': 'old', 'src/same.js': 'same', 'gone/x': '1' });
    await guest.write('src/a.js', 'newer');
    // Opened for writing and left as it is: no change.
    await guest.provider.release(await guest.provider.open(await guest.at('src/same.js'), O_RDWR));
    await guest.mkdir('lib');
    await guest.write('lib/b.js', 'b');
    await guest.chmod('lib/b.js', 0o755);
    await guest.link('lib/link', 'b.js');
    await guest.unlink('gone/x');
    await guest.rmdir('gone');
    const found = [];
    for await (const change of guest.provider.listChanges()) found.push(change);
    expect(found).toEqual([
      {
        path: 'gone',
        kind: 'deleted',
        type: 'directory',
        mode: 0o755,
        sizeBytes: expect.anything(),
      },
      { path: 'gone/x', kind: 'deleted', type: 'file', mode: 0o644, sizeBytes: 1 },
      { path: 'lib', kind: 'added', type: 'directory', mode: 0o755, sizeBytes: expect.anything() },
      { path: 'lib/b.js', kind: 'added', type: 'file', mode: 0o755, sizeBytes: 1 },
      { path: 'lib/link', kind: 'added', type: 'symlink', mode: 0o777, sizeBytes: 4 },
      { path: 'src/a.js', kind: 'modified', type: 'file', mode: 0o644, sizeBytes: 5 },
    ]);
    await guest.end();
    await expect(guest.provider.listChanges().next()).rejects.toMatchObject({
      code: 'VM_NOT_RUNNING',
    });
  });

  it('are told by the overlay of the user when another is served in its place, as for a remote file system', async () => {
    const lower = new RealFSProvider(temporaryDirectory());
    const upper = new MemoryProvider();
    const own = new OverlayProvider(upper, lower);
    let kept = 0;
    own.beforeStop(async () => {
      for await (const _change of own.layerChanges()) kept += 1;
    });
    const served = own.over(upper, lower);
    expect(own.isStarted).toBe(false);
    const root = await served.start(USER);
    await served.makeDirectory(root, 'made', 0o755, USER);
    expect((await own.listChanges().next()).value).toMatchObject({ path: 'made', kind: 'added' });
    await served.stop();
    expect(kept).toBe(1);
  });

  it('are applied with contents, modes and times, and a file that was replaced by a directory becomes one', async () => {
    const guest = await guestOf({ a: 'file', 'd/x': '1', 'run.sh': 'run' });
    await guest.unlink('a');
    await guest.mkdir('a');
    await guest.write('a/inner', 'inner');
    await guest.unlink('d/x');
    await guest.rmdir('d');
    await guest.link('d', 'a');
    await guest.chmod('run.sh', 0o4755);
    await guest.end();
    const { lines, apply, close } = await guest.check();
    expect(lines).toEqual([
      'D a pending',
      'A a pending',
      'A a/inner pending',
      'D d pending',
      'D d/x pending',
      'A d pending',
      'M run.sh pending',
    ]);
    await apply();
    close();
    expect(readFileSync(join(guest.host, 'a/inner'), 'utf8')).toBe('inner');
    expect(readlinkSync(join(guest.host, 'd'))).toBe('a');
    expect(lstatSync(join(guest.host, 'run.sh')).mode & 0o7777).toBe(0o755);
    expect(readdirSync(guest.host).toSorted()).toEqual(['a', 'd', 'run.sh']);
  });

  it('are a conflict where the host has changed the file since, before the VM ended or after', async () => {
    const files = { early: 'old', late: 'old', deleted: 'old', same: 'old', fine: 'old' };
    const guest = await guestOf(files);
    for (const name of ['early', 'late', 'same', 'fine']) await guest.write(name, 'guest');
    await guest.write('both-new', 'guest');
    await guest.unlink('deleted');
    writeFileSync(join(guest.host, 'early'), 'host');
    await guest.end();
    writeFileSync(join(guest.host, 'late'), 'host');
    writeFileSync(join(guest.host, 'deleted'), 'host');
    writeFileSync(join(guest.host, 'both-new'), 'host');
    // What the guest made, somebody made on the host too.
    writeFileSync(join(guest.host, 'same'), 'guest');
    const { checked, lines, apply, close } = await guest.check();
    expect(lines).toEqual([
      'A both-new changed',
      'D deleted changed',
      'M early changed',
      'M fine pending',
      'M late changed',
      'M same applied',
    ]);
    expect(checked?.changes.filter(isConflict)).toHaveLength(4);
    // Forced: the guest's files are taken.
    await apply();
    close();
    expect(existsSync(join(guest.host, 'deleted'))).toBe(false);
    for (const name of ['early', 'late', 'same', 'fine', 'both-new']) {
      expect(readFileSync(join(guest.host, name), 'utf8')).toBe('guest');
    }
  });

  it('see an edit of the host that keeps size and time of modification', async () => {
    const guest = await guestOf({ a: 'old' });
    const { mtime, atime } = lstatSync(join(guest.host, 'a'));
    await guest.write('a', 'guest');
    await guest.end();
    writeFileSync(join(guest.host, 'a'), 'new');
    utimesSync(join(guest.host, 'a'), atime, mtime);
    const { lines, close } = await guest.check();
    close();
    expect(lines).toEqual(['M a changed']);
  });

  it('delete no directory that contains what the guest never saw, even if they are forced', async () => {
    const guest = await guestOf({ 'd/x': '1' });
    await guest.unlink('d/x');
    await guest.rmdir('d');
    await guest.end();
    writeFileSync(join(guest.host, 'd/later'), 'precious');
    const { lines, apply, close } = await guest.check();
    expect(lines).toEqual(['D d changed', 'D d/x pending']);
    const { skipped } = await apply();
    close();
    expect(skipped.map(({ change }) => change.path)).toEqual(['d']);
    expect(readdirSync(join(guest.host, 'd'))).toEqual(['later']);
  });

  it('follow no link of the host out of the volume, and make none without force', async () => {
    const outside = temporaryDirectory();
    writeFileSync(join(outside, 'precious'), 'precious');
    const guest = await guestOf({ 'd/x': '1' });
    await guest.write('d/precious', 'guest');
    await guest.unlink('d/x');
    await guest.link('out', '../../etc/passwd');
    await guest.link('absolute', '/etc/passwd');
    await guest.link('in', 'd/../d/precious');
    await guest.end();
    rmSync(join(guest.host, 'd'), { recursive: true });
    symlinkSync(outside, join(guest.host, 'd'));
    const { lines, apply, close } = await guest.check();
    expect(lines).toEqual([
      'A absolute outside',
      'A d/precious blocked',
      'D d/x blocked',
      'A in pending',
      'A out outside',
    ]);
    const { skipped } = await apply();
    close();
    expect(skipped.map(({ change }) => change.path)).toEqual(['d/precious', 'd/x']);
    expect(readFileSync(join(outside, 'precious'), 'utf8')).toBe('precious');
  });

  it('never touch a file that decides what guests may do', async () => {
    const guest = await guestOf({ 'gondolin.yaml': 'old', 'ci/gondolin.yaml': 'old' });
    await guest.write('gondolin.yaml', 'network: { mode: open }');
    await guest.write('ca.pem', 'x');
    await guest.write('ci/gondolin.yaml', 'other project');
    await guest.end();
    const authority = ['gondolin.yaml', 'ca.pem'].map((name) => join(guest.host, name));
    const { lines, apply, close } = await guest.check(authority);
    expect(lines).toEqual([
      'A ca.pem protected',
      'M ci/gondolin.yaml pending',
      'M gondolin.yaml protected',
    ]);
    await apply();
    close();
    expect(readFileSync(join(guest.host, 'gondolin.yaml'), 'utf8')).toBe('old');
    expect(existsSync(join(guest.host, 'ca.pem'))).toBe(false);
  });

  it('never give git of the host a program to run', async () => {
    const guest = await guestOf({
      'sub/.git/hooks/x.sample': '',
      'sub/.git/config': 'old',
      'sub/.git/HEAD': 'old',
      'lib/a': '',
    });
    await guest.write('sub/.git/hooks/pre-commit', '#!/bin/sh');
    await guest.write('sub/.git/config', '[core] fsmonitor = /tmp/x');
    await guest.write('sub/.git/HEAD', 'new');
    await guest.write('lib/.git', 'gitdir: ../tools');
    await guest.write('lib/config', 'no git');
    await guest.end();
    const { lines, apply, close } = await guest.check();
    expect(lines).toEqual([
      'A lib/.git protected',
      'A lib/config pending',
      'M sub/.git/HEAD pending',
      'M sub/.git/config protected',
      'A sub/.git/hooks/pre-commit protected',
    ]);
    await apply();
    close();
    expect(readFileSync(join(guest.host, 'sub/.git/HEAD'), 'utf8')).toBe('new');
    expect(readFileSync(join(guest.host, 'sub/.git/config'), 'utf8')).toBe('old');
    expect(existsSync(join(guest.host, 'sub/.git/hooks/pre-commit'))).toBe(false);
  });

  it('stop where the host changes a file while they are applied', async () => {
    const guest = await guestOf({ a: 'old' });
    await guest.write('a', 'guest');
    await guest.end();
    const { apply, close } = await guest.check();
    writeFileSync(join(guest.host, 'a'), 'host');
    await expect(apply()).rejects.toMatchObject({ code: 'PROJECT_OVERLAY_CONFLICT' });
    close();
    expect(readFileSync(join(guest.host, 'a'), 'utf8')).toBe('host');
    expect(readdirSync(guest.host)).toEqual(['a']);
  });

  it('of the run before stay when a run changes nothing, and are refused when they are damaged', async () => {
    const guest = await guestOf({ a: 'old' });
    await guest.write('a', 'guest');
    await guest.end();
    await guest.start();
    await guest.end();
    // The same layers again: they still differ.
    expect((await readKept(guest.directory))?.changes).toHaveLength(1);
    const text = readFileSync(manifestPath(guest.directory), 'utf8');
    for (const bad of [text.slice(0, -3), text.replace('"path":"a"', '"path":"../a"')]) {
      writeFileSync(manifestPath(guest.directory), bad);
      await expect(readKept(guest.directory)).rejects.toMatchObject({
        code: 'PROJECT_OVERLAY_DAMAGED',
      });
    }
    chmodSync(guest.directory, 0o700);
  });
});
