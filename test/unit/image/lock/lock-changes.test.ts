import { expect, it } from 'vitest';
import { lockChanges } from '../../../../src/image/lock/lock-changes.ts';
import { formatLock } from '../../../../src/image/lock/lock-file.ts';
import { lockPath } from '../../../../src/plan/lock-path.ts';

const digest = (digit: string) => ({ digest: `sha256:${digit.repeat(64)}` });

it('lockChanges() lists what is new, gone and different, in order', () => {
  const before = { same: digest('1'), moved: digest('2'), gone: digest('3') };
  const after = { moved: digest('4'), added: digest('5'), same: digest('1') };
  expect(lockChanges(before, after)).toEqual([
    { reference: 'added', before: null, after: digest('5').digest },
    { reference: 'gone', before: digest('3').digest, after: null },
    { reference: 'moved', before: digest('2').digest, after: digest('4').digest },
  ]);
});

it('formatLock() writes the same text whatever the order', () => {
  const [a, b] = [digest('a'), digest('b')];
  const one = formatLock({ images: { b, a }, packages: { z: { d: '1', c: '2' }, y: {} } });
  expect(one).toBe(formatLock({ images: { a, b }, packages: { y: {}, z: { c: '2', d: '1' } } }));
  expect(formatLock({ images: { a }, packages: {} })).not.toContain('packages');
});

it.each([
  ['/p/gondolin.yaml', '/p/gondolin.lock'],
  ['/p/ci.yml', '/p/ci.lock'],
  ['/p/project', '/p/project.lock'],
])('lockPath() of %s is %s', (file, lock) => {
  expect(lockPath(file)).toBe(lock);
});
