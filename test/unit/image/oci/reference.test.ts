import { expect, it } from 'vitest';
import { formatReference, parseReference } from '../../../../src/image/oci/reference.ts';

const fallback = { registry: 'registry.example.com', namespace: 'library' };
const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;

const REFERENCES = [
  ['python', 'registry.example.com/library/python:latest'],
  ['python:3.12-slim', 'registry.example.com/library/python:3.12-slim'],
  ['team/app', 'registry.example.com/team/app:latest'],
  ['team/app:1', 'registry.example.com/team/app:1'],
  ['localhost/app', 'localhost/app:latest'],
  ['localhost:5000/a/b_c/d--e:V1.0_x', 'localhost:5000/a/b_c/d--e:V1.0_x'],
  ['r.test/app', 'r.test/app:latest'],
  ['R.Test:80/app', 'r.test:80/app:latest'],
  ['UPPER/app', 'upper/app:latest'],
  ['[::1]:5000/app', '[::1]:5000/app:latest'],
  [`app@${digest}`, `registry.example.com/library/app@${digest}`],
  [`r.test/app:1@${digest}`, `r.test/app:1@${digest}`],
  ['a__b/c.d-e', 'registry.example.com/a__b/c.d-e:latest'],
] as const;

it.each(REFERENCES)('%s means %s', (text, whole) => {
  expect(formatReference(parseReference(text, fallback))).toBe(whole);
});

const WRONG = [
  ...['', ':1', 'App', 'app:', 'app:-x', `app:${'t'.repeat(129)}`, 'a//b', '/app', 'app/', 'a..b'],
  ...['a___b', 'app_', '-app', 'r.test/', 'r_x.test/app', 'r.test:port/app', 'r.test:123456/app'],
  ...['app@sha256:12', `app@${digest}@${digest}`, `app@${digest.toUpperCase()}`, 'a b', 'a\nb'],
  ...[
    'http://r.test/app',
    '0123456789abcdef'.repeat(4),
    `${'a'.repeat(256)}`,
    '../app',
    'app:../x',
  ],
];

it.each(WRONG)('%j is refused', (text) => {
  const refused = expect.objectContaining({ code: 'IMAGE_REFERENCE_INVALID' });
  expect(() => parseReference(text, fallback)).toThrow(refused);
});

it('a name without a registry needs one to fall back to', () => {
  const refused = expect.objectContaining({ code: 'IMAGE_REGISTRY_UNSET' });
  expect(() => parseReference('python', null)).toThrow(refused);
  expect(parseReference('r.test/python', null).registry).toBe('r.test');
});
