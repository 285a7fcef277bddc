import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { packageFile } from '../../../../src/host/package-root.ts';
import { HttpRules } from '../../../../src/net/policy/http-rules.ts';

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
