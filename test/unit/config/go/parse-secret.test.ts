import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseSecret } from '../../../../src/config/go/parse-secret.ts';

const ENV = { TOKEN: 'from-env', EMPTY: '' };

it.each([
  ['TOKEN@a.test', 'TOKEN', 'from-env', ['a.test']],
  ['TOKEN=v@a.test,b.test', 'TOKEN', 'v', ['a.test', 'b.test']],
  ['TOKEN=v@ a.test , *.b.test,', 'TOKEN', 'v', ['a.test', '*.b.test']],
  ['TOKEN=@a.test', 'TOKEN', '', ['a.test']],
  ['T=a=b@c@a.test', 'T', 'a=b@c', ['a.test']],
])('parseSecret() reads %s', (text, name, value, hosts) => {
  expect(parseSecret(text, ENV)).toEqual({ name, secret: { value, hosts } });
});

it.each([
  ['TOKEN', 'missing @hosts (format: NAME=VALUE@host1,host2 or NAME@host1,host2)'],
  ['TOKEN=s3cr3t', 'missing @hosts (format: NAME=VALUE@host1,host2 or NAME@host1,host2)'],
  ['TOKEN=s3cr3t@', 'no hosts specified after @'],
  ['TOKEN@ ,', 'no hosts specified after @'],
  ['@a.test', 'secret name cannot be empty'],
  ['=s3cr3t@a.test', 'secret name cannot be empty'],
  ['ABSENT@a.test', /^environment variable \$ABSENT is not set \(hint: /],
  ['EMPTY@a.test', /^environment variable \$EMPTY is not set \(hint: /],
  ['s3cr3t-value@a.test', /^environment variable of that name is not set/],
  ['TOKEN=v@a.test,s3cr3t/x', /^host 2: /],
  ['TOKEN=v@*', /^host 1: /],
])('parseSecret() refuses "%s" and shows nothing of a value', (text, message) => {
  const parse = () => parseSecret(text, ENV);
  expect(parse).toThrow(message);
  expect(parse).toThrow(expect.objectContaining({ code: 'CONFIG_SECRET_INVALID' }));
  expect(parse).not.toThrow(/s3cr3t/);
});

it('parseSecret() gives back any name and value before @hosts', () => {
  const name = fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,9}$/);
  fc.assert(
    fc.property(name, fc.string(), (given, value) => {
      const parsed = parseSecret(`${given}=${value}@a.test`, {});
      expect(parsed).toEqual({ name: given, secret: { value, hosts: ['a.test'] } });
    }),
  );
});
