import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseSecretReference } from '../../../src/config/parse-secret.ts';
import { isShowableName, isVariableName } from '../../../src/util/variable-name.ts';

it.each([
  ['TOKEN@api.example.com', 'TOKEN', ['api.example.com']],
  ['TOKEN@h1.test,h2.test', 'TOKEN', ['h1.test', 'h2.test']],
  ['_t@ H1.test , *.h2.test:8443, ', '_t', ['h1.test', '*.h2.test:8443']],
  ['T@a.test,,A.test.', 'T', ['a.test']],
])('parseSecretReference() reads %s', (text, name, hosts) => {
  expect(parseSecretReference(text)).toEqual({ secret: { name, hosts, hostProblems: [] } });
});

it.each([
  ['', 'missing @hosts (format: NAME@host1,host2)'],
  ['s3cr3t', 'missing @hosts (format: NAME@host1,host2)'],
  ['TOKEN@', 'no hosts specified after @ (format: NAME@host1,host2)'],
  ['TOKEN@ , ', 'no hosts specified after @ (format: NAME@host1,host2)'],
  ['@s3cr3t.test', 'secret name cannot be empty (format: NAME@host1,host2)'],
  ['s3cr3t-x@h.test', /^secret name is not a variable name: want letters.* [(]format: NAME@/],
  ['s3cr3t@x@h.test', /^secret name is not a variable name/],
  ['1s3cr3t@h.test', /^secret name is not a variable name/],
])('parseSecretReference() refuses "%s" and shows nothing of it', (text, want) => {
  const { problem, ...rest } = parseSecretReference(text);
  expect(rest).toEqual({ isInline: false });
  expect(problem).toMatch(want instanceof RegExp ? want : /./);
  if (typeof want === 'string') expect(problem).toBe(want);
  expect(problem).not.toContain('s3cr3t');
});

it.each([
  'A=s3cr3t@h.test',
  'A=s3cr3t',
  '=s3cr3t@h',
  'A=s3@cr3t@h',
  'A=@h.test',
  'A@h.test=s3cr3t',
])('parseSecretReference() knows that "%s" contains a value', (text) => {
  const result = parseSecretReference(text);
  expect(result).toMatchObject({ isInline: true });
  expect(JSON.stringify(result)).not.toMatch(/s3|cr3t/);
});

it('parseSecretReference() reports each bad host by its place, and keeps the others', () => {
  const { secret } = parseSecretReference('TOKEN@a.test,s3cr3t/x,*,db.test:1/tcp,b.test');
  expect(secret).toMatchObject({ name: 'TOKEN', hosts: ['a.test', 'b.test'] });
  expect(secret?.hostProblems.map((problem) => problem.slice(0, 14))).toEqual([
    'TOKEN: host 2:',
    'TOKEN: host 3:',
    'TOKEN: host 4:',
  ]);
  expect(JSON.stringify(secret)).not.toContain('s3cr3t');
});

it('parseSecretReference() never throws and never repeats what it refuses', () => {
  const word = fc
    .string({ minLength: 6, maxLength: 20 })
    .filter((text) => !/[a-z ]{4}/i.test(text));
  fc.assert(
    fc.property(word, fc.constantFrom('', '@', 'A=', '=', 'A B@'), (text, before) => {
      const { problem } = parseSecretReference(before + text);
      if (problem !== undefined) expect(problem).not.toContain(text);
    }),
  );
});

it('isVariableName() and isShowableName() tell names, and names that look like tokens', () => {
  const names = [
    'GITHUB_TOKEN',
    '_x',
    'npmToken',
    'ghp_16C7e42F292c6912E7710c838347Ae178B4a',
    '1A',
    'a-b',
    '',
  ];
  expect(names.filter(isVariableName)).toEqual(names.slice(0, 4));
  expect(names.filter(isShowableName)).toEqual(names.slice(0, 3));
});
