import { expect, it } from 'vitest';
import {
  compareApkVersions,
  isApkVersion,
  isFuzzyMatch,
} from '../../../../src/image/alpine/version.ts';

/** Each line in ascending order. */
const ORDERS = [
  '0 1 2 9 10 11 100 20050718',
  '1 1.0 1.0.0 1.0.1 1.1 1.2 1.10 1.10.1 2',
  '1_alpha 1_alpha1 1_alpha2 1_alpha10 1_beta 1_pre 1_rc 1_rc1 1 1-r0 1-r1 1_cvs 1_svn 1_git 1_hg 1_p 1_p1 1.0',
  '1.2-r0 1.2-r1 1.2-r9 1.2-r10 1.2.1-r0',
  '1.2_rc1-r0 1.2_rc1-r1 1.2_rc2-r0 1.2-r0',
  '1.2 1.2a 1.2b 1.2z 1.3',
  '1.2a_rc1 1.2a 1.2a-r0 1.2a_p1 1.2b',
  '1.0_alpha_pre2 1.0_alpha 1.0_alpha1 1.0',
  '1.0_p1_alpha 1.0_p1 1.0_p1_p1 1.0_p2',
  '1.0.0_git20230101 1.0.0_git20230102 1.0.0_git20240101-r3 1.0.1',
  '1.0_pre20191002222144 1.0_pre20210530193627 1.0_pre99999999999999999999',
  // Numbers after the first are fractions when one begins with 0.
  '1.0 1.00 1.01 1.010 1.02 1.1 1.9 1.10',
  '1.0-r0 1.0~aa-r0 1.0~ab-r0 1.0_p1',
  '6 6b 6b-r7 7',
  '021109-r3 20060512',
];

it.each(ORDERS)('compareApkVersions() orders %s', (line) => {
  const versions = line.split(' ');
  for (const [left, a] of versions.entries()) {
    for (const [right, b] of versions.entries()) {
      const order = Math.sign(compareApkVersions(a, b));
      expect(`${a} ${order} ${b}`).toBe(`${a} ${Math.sign(left - right)} ${b}`);
    }
  }
});

it('compareApkVersions() reads a number before the first dot as a number', () => {
  expect(compareApkVersions('007', '7')).toBe(0);
  expect(compareApkVersions('006', '1.0.0')).toBeGreaterThan(0);
});

it('compareApkVersions() is an order over everything, valid or not', () => {
  const parts = ['', '0', '1', '01', '.', '_rc', '_p', 'a', 'bc', '-r', '~a', '_foo', '99', ' '];
  const versions = parts.flatMap((a) => parts.flatMap((b) => parts.map((c) => `1${a}${b}${c}`)));
  const some = versions.filter((_version, index) => index % 97 === 0);
  for (const a of some) {
    expect(compareApkVersions(a, a)).toBe(0);
    for (const b of some) {
      expect(Math.sign(compareApkVersions(a, b)), `${a} ${b}`).toBe(
        -Math.sign(compareApkVersions(b, a)) + 0,
      );
    }
  }
  const sorted = some.toSorted(compareApkVersions);
  for (let index = 1; index < sorted.length; index += 1) {
    expect(compareApkVersions(sorted[index - 1] ?? '', sorted[index] ?? '')).toBeLessThanOrEqual(0);
  }
});

it.each([
  '1',
  '1.2.3',
  '1.2a',
  '1_rc1',
  '1_alpha_pre2',
  '1.2_git20240101-r0',
  '1.2~0af3-r1',
  '0-r0',
])('isApkVersion() accepts %s', (version) => expect(isApkVersion(version)).toBe(true));

it.each([
  '',
  'a',
  '1.',
  '.1',
  '1.a',
  '1ab',
  '1_foo',
  '1_rcx',
  '1-r',
  '1-r1-r2',
  '1-1',
  '1.2-r1a',
  '1~',
  '1~xyz',
  '1-r0_p1',
  '1.2a.3',
  ' 1',
  '1 ',
  '1'.repeat(300),
])('isApkVersion() refuses "%s"', (version) => expect(isApkVersion(version)).toBe(false));

it.each([
  ['1.2.3-r0', '1', true],
  ['1.2.3-r0', '1.2', true],
  ['1.2.3-r0', '1.2.3', true],
  ['1.2.3-r0', '1.2.3-r0', true],
  ['1.2.3-r0', '1.2.4', false],
  ['1.20-r0', '1.2', false],
  ['1.2_rc1-r0', '1.2', true],
  ['1.2a-r0', '1.2', true],
  ['1.2', '1.2.3', false],
  ['1.2-r1', '1.2-r0', false],
  ['20', '2', false],
] as const)('isFuzzyMatch(%s, %s) is %s', (version, prefix, want) => {
  expect(isFuzzyMatch(version, prefix)).toBe(want);
});
