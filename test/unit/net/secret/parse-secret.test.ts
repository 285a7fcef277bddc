import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { parseSecret } from '../../../../src/net/secret/parse-secret.ts';

const env = { TOKEN: 'from-the-environment', EMPTY: '' };

it.each([
  { text: 'A=v@h', name: 'A', value: 'v', hosts: ['h'] },
  { text: 'A=v@h1,h2', name: 'A', value: 'v', hosts: ['h1', 'h2'] },
  { text: 'A=v@ h1 , h2 ', name: 'A', value: 'v', hosts: ['h1', 'h2'] },
  { text: 'A=a=b==@h', name: 'A', value: 'a=b==', hosts: ['h'] },
  { text: 'A=user@pass@h', name: 'A', value: 'user@pass', hosts: ['h'] },
  { text: 'A=@h', name: 'A', value: '', hosts: ['h'] },
  { text: 'TOKEN@api.example.com', name: 'TOKEN', value: env.TOKEN, hosts: ['api.example.com'] },
  { text: 'A=v@*.h,,g:8443', name: 'A', value: 'v', hosts: ['*.h', 'g:8443'] },
])('parseSecret() reads $text', ({ text, name, value, hosts }) => {
  const secret = parseSecret(text, env);
  expect({ name: secret.name, value: secret.value, hosts: secret.hosts }).toEqual({
    name,
    value,
    hosts,
  });
});

const MISSING = 'missing @hosts (format: NAME=VALUE@host1,host2 or NAME@host1,host2)';
it.each([
  { text: '', message: MISSING },
  { text: 'TOKEN', message: MISSING },
  { text: 'A=s3cr3t', message: MISSING },
  { text: 'A=s3cr3t@', message: 'no hosts specified after @' },
  { text: 'A=s3cr3t@ , ', message: 'no hosts specified after @' },
  { text: '@h', message: 'secret name cannot be empty' },
  { text: '=s3cr3t@h', message: 'secret name cannot be empty' },
  { text: 'NOPE@h', message: /^environment variable \$NOPE is not set \(hint: .+\)$/ },
  { text: 'EMPTY@h', message: /^environment variable \$EMPTY is not set \(hint: .+\)$/ },
  { text: 's3cr3t-token@h', message: /^secret name is no variable name/ },
])('parseSecret() refuses "$text" with the text of the Go API', ({ text, message }) => {
  expect(() => parseSecret(text, env)).toThrow(
    expect.objectContaining({
      code: 'NET_SECRET_INVALID',
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    }),
  );
});

it.each([
  'A=s3cr3tvalue',
  'A=s3cr3tvalue@',
  '=s3cr3tvalue@h',
  's3cr3tvalue_that_is_no_name@h',
  's3cr3tvalue-x@h',
])('parseSecret() never echoes a text it refuses (%s)', (text) => {
  let shown = '';
  try {
    parseSecret(text, {});
  } catch (error) {
    shown = inspect(error, { depth: 9, showHidden: true }) + String(error);
  }
  expect(shown).toContain('NET_SECRET_INVALID');
  expect(shown.split('at parseSecret')[0]).not.toContain('s3cr3tvalue');
});

it('a parsed secret is printed without its value', () => {
  const secret = parseSecret('A=s3cr3tvalue@h', {});
  const shown = inspect(secret, { depth: 9, showHidden: true }) + JSON.stringify(secret);
  expect(shown).not.toContain('s3cr3tvalue');
  expect(shown).toContain('"A"');
});
