import { expect, it } from 'vitest';
import {
  allows,
  type Dependency,
  parseDependency,
  parseProvided,
} from '../../../../src/image/alpine/dependency.ts';

function dependency(text: string): Dependency {
  const parsed = parseDependency(text);
  if (parsed === null) throw new Error(`${text} is no dependency`);
  return parsed;
}

it.each([
  ['x', '1.0', true],
  ['x', null, true],
  ['x=1.0', '1.0', true],
  ['x=1.0', '1.0-r0', false],
  ['x=1.0', null, false],
  ['x<1.0', '1.0_rc1', true],
  ['x<1.0', '1.0', false],
  ['x<=1.0', '1.0', true],
  ['x<=1.0', '1.0.1', false],
  ['x>1.0', '1.0-r0', true],
  ['x>1.0', '1.0', false],
  ['x>=1.0', '1.0', true],
  ['x>=1.0', '0.9', false],
  ['x>=1.0', null, false],
  ['x~1.0', '1.0.5-r3', true],
  ['x~1.0', '1.1', false],
  ['x=~1.0', '1.0.5-r3', true],
  ['x~=1.0', '1.0.5-r3', true],
  ['x>~1.0', '1.0.5', true],
  ['x>~1.0', '1.1', true],
  ['x>~1.0', '0.9', false],
  ['x<~1.0', '0.9', true],
  ['!x', '1.0', false],
  ['!x', null, false],
  ['!x<2', '1.0', false],
  ['!x<2', '2.0', true],
  ['!x<2', null, true],
] as const)('%s allows version %s: %s', (text, version, want) => {
  expect(allows(dependency(text), version)).toBe(want);
});

it.each([
  'so:libc.musl-x86_64.so.1',
  'cmd:python3.12=3.12.1-r0',
  'pc:libpng>=1.6',
  'py3.12:requests[socks]',
  '/bin/sh',
  'gtk+3.0',
  'a52dec',
])('parseDependency() reads %s', (text) => {
  expect(dependency(text).text).toBe(text);
});

it.each([
  '',
  '!',
  '=1',
  'x=',
  'x=y',
  'x==1',
  'x><Q1abc=',
  'x@edge',
  'x y',
  '-x',
  '!!x',
  'x=1=2',
  'x\n',
  `x${'y'.repeat(600)}`,
])('parseDependency() refuses "%s"', (text) => expect(parseDependency(text)).toBeNull());

it('parseProvided() takes a name, or a name with one version', () => {
  expect(parseProvided('so:a.so.1=1.2')).toEqual({ name: 'so:a.so.1', version: '1.2' });
  expect(parseProvided('cmd:sh')).toEqual({ name: 'cmd:sh', version: null });
  for (const text of ['!x', 'x>1', 'x~1', 'x>=1', '']) expect(parseProvided(text)).toBeNull();
});
