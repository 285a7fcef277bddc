import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packageFile } from '../../../src/host/package-root.ts';
import { compileHostPatterns } from '../../../src/net/policy/host-patterns.ts';
import { HttpRules } from '../../../src/net/policy/http-rules.ts';
import { formatHostEntry, parseHostEntry } from '../../../src/util/host-entry.ts';

/** The project file is checked by one reader and judged by another: what one takes the other has to take. */
function policyTakes(text: string): boolean {
  try {
    compileHostPatterns([text], 'allowed_hosts');
    return true;
  } catch {
    return false;
  }
}

const label = fc.oneof(
  fc.constantFrom('a', 'api', 'x-1', '_srv', '*', '**', 'a*', '*a', 'a**b', '', '-a', 'a-', '0x7f'),
  fc.constantFrom('127', '1', '0', '255', '256', 'localhost', 'xn--a', 'bücher', 'A', 'ａ', '%41'),
);
const host = fc.oneof(
  fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.')),
  fc.ipV4(),
  fc.ipV6(),
  fc.domain(),
  fc.ipV6().map((address) => `[${address}]`),
  fc.constantFrom('::', '::1', '::ffff:127.0.0.1', 'fe80::1%eth0', '1.2.3', '[a]', '[]', '.*', '*'),
);
const prefix = fc.constantFrom(
  '',
  '',
  '',
  '/0',
  '/8',
  '/24',
  '/32',
  '/33',
  '/64',
  '/128',
  '/08',
  '/x',
);
const port = fc.constantFrom(
  '',
  '',
  ':80',
  ':*',
  ':0',
  ':65535',
  ':65536',
  ':',
  ':080',
  ':1:2',
  ': 1',
);
const suffix = fc.constantFrom('', '', '', '/tcp', '/TCP', '/udp', '/', '/tcp/tcp', '.', ' ', '\n');
const entry = fc
  .tuple(host, prefix, port, suffix)
  .map(([name, bits, at, end]) => `${name}${bits}${at}${end}`);

describe('parseHostEntry() beside the policy', () => {
  it('takes the same entries', () => {
    fc.assert(
      fc.property(entry, (text) => {
        // Brackets around anything but IPv6: the file's reader is the stricter one.
        fc.pre(!/\[[^:\]]*\]/.test(text));
        expect([text, parseHostEntry(text).entry !== undefined]).toEqual([text, policyTakes(text)]);
      }),
      { numRuns: 4000 },
    );
  });

  it('writes entries that mean the same to the policy', () => {
    const names = fc.constantFrom(
      'a.test',
      'api.a.test',
      'x.api.a.test',
      '127.0.0.1',
      '::1',
      '10.1.2.3',
    );
    const ports = fc.constantFrom(22, 80, 443, 8443);
    fc.assert(
      fc.property(entry, names, ports, (text, name, at) => {
        const { entry: parsed } = parseHostEntry(text);
        if (parsed === undefined) return;
        const [written, given] = [formatHostEntry(parsed), text].map((one) =>
          compileHostPatterns([one], 'allowed_hosts').match(name, at),
        );
        expect(written !== null).toBe(given !== null);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the schema beside the policy', () => {
  const ajv = new Ajv({ strict: false });
  const schema = JSON.parse(readFileSync(packageFile('schema', 'gondolin.schema.json'), 'utf8'));
  const fits = ajv.compile({ ...schema.definitions.rule, definitions: schema.definitions });

  it.each([
    ...[
      '/',
      '/**',
      '/repos/*/x',
      '/a/**/b',
      '/a*b',
      '/%2F',
      '/a;b=1',
      '/ü',
      '/a**',
      '/**a',
      '/***',
    ],
    ...['a', '', '/a?b', '/a#b', '/{a,b}', '/[a]', '/a b', '/a\\b', '/a\n', '*', '/a/**b/c'],
  ])('takes the path %j of a rule when the policy does', (path) => {
    const rule = { host: 'a.test', action: 'allow', paths: [path] } as const;
    let taken = true;
    try {
      new HttpRules([rule]);
    } catch {
      taken = false;
    }
    expect(fits(rule)).toBe(taken);
  });
});
