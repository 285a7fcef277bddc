import { expect, it } from 'vitest';
import type { MountPlan } from '../../../src/plan/plan.ts';
import { WrittenFiles } from '../../../src/project/written-files.ts';
import { O_TRUNC } from '../../../src/vfs/file-mode.ts';
import type { VfsHookContext } from '../../../src/vfs/hooks/vfs-hooks.ts';

const MOUNTS: readonly MountPlan[] = [
  { kind: 'host', guestPath: '/work', hostPath: '/home/u/project', isReadonly: false },
  { kind: 'host', guestPath: '/work/docs', hostPath: '/home/u/docs', isReadonly: true },
  { kind: 'host', guestPath: '/out', hostPath: '/srv/out', isReadonly: false },
];

function noted(...operations: readonly VfsHookContext[]) {
  const files = new WrittenFiles(MOUNTS, '/home/u/project');
  for (const operation of operations) files.note(operation);
  return files.result;
}

const names = (...operations: readonly VfsHookContext[]) =>
  noted(...operations).files.map(({ path, change }) => `${path} ${change}`);

it('WrittenFiles names files by their path on the host, relative to the project below it', () => {
  const operations = [
    { op: 'write', path: '/work/src/b' },
    { op: 'create', path: '/out/a' },
    { op: 'mkdir', path: '/work/new' },
  ] as const;
  expect(names(...operations)).toEqual(['/srv/out/a written', 'new written', 'src/b written']);
});

it('WrittenFiles leaves out what was made and removed again, and what was only read', () => {
  const operations = [
    { op: 'create', path: '/work/tmp' },
    { op: 'write', path: '/work/tmp' },
    { op: 'unlink', path: '/work/tmp' },
    { op: 'open', path: '/work/read', flags: 0 },
    { op: 'read', path: '/work/read' },
  ] as const;
  expect(names(...operations)).toEqual([]);
});

it('WrittenFiles tells a file that was removed from one that was removed and made again', () => {
  const operations = [
    { op: 'unlink', path: '/work/gone' },
    { op: 'unlink', path: '/work/again' },
    { op: 'create', path: '/work/again' },
    { op: 'open', path: '/work/emptied', flags: O_TRUNC },
  ] as const;
  expect(names(...operations)).toEqual(['again written', 'emptied written', 'gone removed']);
});

it('WrittenFiles takes the save of an editor as a change of the file alone', () => {
  const operations = [
    { op: 'create', path: '/work/.file.swp' },
    { op: 'write', path: '/work/.file.swp' },
    { op: 'rename', path: '/work/.file.swp', newPath: '/work/file' },
  ] as const;
  expect(names(...operations)).toEqual(['file written']);
});

it('WrittenFiles leaves out paths of no volume, and of one that is read-only', () => {
  const operations = [
    { op: 'write', path: '/tmp/x' },
    { op: 'write', path: '/work/docs/x' },
  ] as const;
  expect(names(...operations)).toEqual([]);
});

it('WrittenFiles names 200 files and counts the others', () => {
  const many = Array.from({ length: 250 }, (_, index) => ({
    op: 'create' as const,
    path: `/work/f${index}`,
  }));
  const { files, omitted } = noted(...many);
  expect([files.length, omitted]).toEqual([200, 50]);
});
