import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { toRefusalPage } from '../../../../src/net/http/exchange/refusal/refusal-page.ts';
import {
  BLOCK_REASONS,
  type Blocked,
  type Decider,
  type Leak,
  type Suggestion,
} from '../../../../src/net/refusal/refusal.ts';
import {
  leakAdvice,
  reasonText,
  ruleText,
  suggestionText,
} from '../../../../src/net/refusal/refusal-text.ts';

const TO = { name: 'a.test', port: 443 };

function blocked(rest: Partial<Blocked> = {}): Blocked {
  return { kind: 'blocked', reason: 'not_allowed', decidedBy: [], suggest: null, ...rest };
}

it('reasonText() has other words for each reason', () => {
  const words = BLOCK_REASONS.map((reason) => reasonText(blocked({ reason })));
  expect(new Set(words).size).toBe(BLOCK_REASONS.length);
  expect(words).not.toContain('');
});

it.each([
  [{ by: 'mode', host: 'a.test' }, 'mode: none (asked for a.test)'],
  [{ by: 'denied_hosts', entry: '*.a.test' }, 'denied_hosts: "*.a.test"'],
  [
    { by: 'allowed_hosts', near: [], port: 80, transport: 'http' },
    'allowed_hosts: no entry covers it',
  ],
  [
    { by: 'allowed_hosts', near: ['a.test', '*'], port: 22, transport: 'tcp' },
    'allowed_hosts: "a.test", "*" does not cover raw TCP on port 22',
  ],
  [{ by: 'rule', index: 2, host: 'a.test', reasons: [] }, 'rules[2]: deny "a.test"'],
  [
    { by: 'rule', index: 0, host: 'a.test', reasons: ['read only'] },
    'rules[0]: deny "a.test", reason: read only',
  ],
  [{ by: 'range', name: 'private', cidr: '10.0.0.0/8' }, 'block_private_ips: private (10.0.0.0/8)'],
  [{ by: 'check', check: 'authority' }, ''],
] satisfies [Decider, string][])('ruleText() of %j is %j', (decider, want) => {
  expect(ruleText({ decidedBy: [decider] })).toBe(want);
});

it('ruleText() joins what decided, and leaves out what has no words', () => {
  const decidedBy: Decider[] = [
    { by: 'rules', reasons: ['one', 'two'] },
    { by: 'check', check: 'method' },
    { by: 'range', name: 'loopback', cidr: '127.0.0.0/8' },
  ];
  expect(ruleText({ decidedBy })).toBe(
    'rules: no allow rule of this host matches, reason: one; two; block_private_ips: loopback (127.0.0.0/8)',
  );
});

it.each([
  [{ kind: 'add', list: 'allowed_private', entry: '10.0.0.5' }, { allowed_private: ['10.0.0.5'] }],
  [
    { kind: 'open', entry: 'a.test:22/tcp' },
    { network: { mode: 'allowlist', allowed_hosts: ['a.test:22/tcp'] } },
  ],
  [
    { kind: 'rule', host: 'a.test', method: 'POST', path: '/x' },
    { rules: [{ host: 'a.test', methods: ['POST'], paths: ['/x'], action: 'allow' }] },
  ],
  [
    { kind: 'rule', host: 'a.test', method: null, path: '/**' },
    { rules: [{ host: 'a.test', paths: ['/**'], action: 'allow' }] },
  ],
] satisfies [Suggestion, unknown][])('suggestionText() of %j is YAML', (suggest, want) => {
  expect(parse(suggestionText(suggest))).toEqual(want);
});

it.each([
  ['name_mismatch', 'authority', 421],
  ['protocol', 'method', 405],
  ['protocol', 'missing_host', 400],
  ['hook', 'hook_url', 502],
  ['name_mismatch', 'tls_server_name', 403],
] as const)('toRefusalPage() of %s by %s has status %d', (reason, check, status) => {
  const page = toRefusalPage(blocked({ reason, decidedBy: [{ by: 'check', check }] }), TO);
  expect(page).toMatchObject({ status, reason, host: 'a.test', port: 443, suggestion: '' });
});

it.each([
  ['busy', 503],
  ['NET_SECRET_LIMIT', 431],
  ['NET_BODY_LIMIT', 413],
  ['NET_DIAL_TIMEOUT', 504],
  ['NET_DIAL_FAILED', 502],
  ['NET_HOOK_FAILED', 502],
] as const)('toRefusalPage() of the failure %s has status %d', (code, status) => {
  const page = toRefusalPage({ kind: 'failed', code, message: 'it failed' }, TO);
  expect(page).toMatchObject({ status, reason: code, message: 'it failed', rule: '' });
});

it('toRefusalPage() of a leak names the secret, its place and the next move', () => {
  const leak: Leak = {
    kind: 'leak',
    secret: 'TOKEN',
    place: 'header',
    where: 'header x-data',
    reason: 'not_tls',
  };
  const page = toRefusalPage(leak, TO);
  expect(page).toMatchObject({ status: 403, reason: 'secret_leak' });
  expect(page.message).toContain('TOKEN');
  expect(page.message).toContain('header x-data');
  expect(page.message).toContain(leakAdvice(leak));
});
