import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compilePolicy } from '../../../../src/net/policy/compile-policy.ts';
import { pathForms } from '../../../../src/net/policy/path-forms.ts';
import type { HttpRule, PolicyOptions } from '../../../../src/net/policy/policy-options.ts';
import { matchesParts, matchesWildcard } from '../../../../src/util/wildcard.ts';
import { inWords } from '../../../fixtures/net/in-words.ts';

const BASE: PolicyOptions = {
  mode: 'allowlist',
  allowedHosts: ['api.example.com:*', '*.cdn.test', 'free.test'],
  deniedHosts: [],
  rules: [],
  blockPrivateIps: true,
  allowedPrivate: [],
};

function decide(rules: readonly HttpRule[], request: string) {
  const [method = '', url = ''] = request.split(' ');
  const at = /^([^/]*)(\/.*|\*)$/.exec(url);
  const [name = '', port = '443'] = (at?.[1] ?? '').split(':');
  const policy = compilePolicy({ ...BASE, rules });
  return policy.decideRequest({
    name,
    port: Number(port),
    scheme: 'https',
    method,
    path: at?.[2] ?? '',
  });
}

const READ: readonly HttpRule[] = [
  { host: 'api.example.com', methods: ['GET'], paths: ['/repos/**', '/user'], action: 'allow' },
];
const MIXED: readonly HttpRule[] = [
  { host: 'api.example.com', paths: ['/repos/*/secrets/**'], action: 'deny' },
  { host: 'api.example.com', methods: ['get', 'HEAD'], paths: ['/repos/**'], action: 'allow' },
  { host: 'api.example.com:8443', methods: ['POST'], action: 'allow' },
  { host: '*.cdn.test', methods: ['DELETE'], action: 'deny' },
];
const CLOSED: readonly HttpRule[] = [
  { host: 'api.example.com', paths: ['/admin/**', '/v*/keys'], action: 'deny' },
];

const REQUESTS = [
  ['one allow rule', READ, 'GET api.example.com/repos/a/b', true],
  ['one allow rule', READ, 'GET api.example.com/repos', true],
  ['one allow rule', READ, 'GET api.example.com/repos/', true],
  ['one allow rule', READ, 'GET api.example.com/repos/a?x=/../..', true],
  ['one allow rule', READ, 'GET api.example.com/user', true],
  ['one allow rule', READ, 'GET api.example.com/user#x', false],
  ['one allow rule', READ, 'GET api.example.com/repos/a#x', true],
  ['one allow rule', READ, 'GET api.example.com/repos#/../../admin', false],
  ['one allow rule', READ, 'GET api.example.com/repos/x%3F/../../admin', false],
  ['one allow rule', READ, 'GET api.example.com/%75ser', true],
  ['one allow rule', READ, 'POST api.example.com/repos/a', false],
  ['one allow rule', READ, 'GET api.example.com/', false],
  ['one allow rule', READ, 'GET api.example.com/users', false],
  ['one allow rule', READ, 'GET api.example.com/user/', false],
  ['one allow rule', READ, 'GET api.example.com/repository', false],
  ['one allow rule', READ, 'GET api.example.com/Repos/a', false],
  ['one allow rule', READ, 'GET api.example.com/repos/../orgs', false],
  ['one allow rule', READ, 'GET api.example.com/repos/%2e%2e/orgs', false],
  ['one allow rule', READ, 'GET api.example.com/repos/%2E./orgs', false],
  ['one allow rule', READ, 'GET api.example.com/repos/..%2forgs', false],
  ['one allow rule', READ, 'GET api.example.com/repos/%252e%252e/orgs', false],
  ['one allow rule', READ, 'GET api.example.com/repos/%25252e%25252e/orgs', false],
  ['one allow rule', READ, 'GET api.example.com/repos/..\\orgs', false],
  ['one allow rule', READ, 'GET api.example.com/repos/..%5corgs', false],
  ['one allow rule', READ, 'GET api.example.com/repos/..;/orgs', false],
  ['one allow rule', READ, 'GET api.example.com/repos/..;x=y/orgs', false],
  ['one allow rule', READ, 'GET api.example.com/repos/./a/../b', true],
  ['one allow rule', READ, 'GET api.example.com//repos/a', false],
  ['one allow rule', READ, 'GET api.example.com/repos//a', true],
  // A server that takes %2f and \ for separators, and %5c for a character.
  ['one allow rule', READ, 'GET api.example.com/repos/%2f..\\../.%5crepos', false],
  ['one allow rule', READ, 'GET api.example.com/repos/a%2fb', true],
  ['one allow rule', READ, 'GET api.example.com/repos/%zz', true],
  ['one allow rule', READ, 'OPTIONS api.example.com*', false],
  ['one allow rule', READ, 'GET api.example.com:8443/repos/a', true],
  ['one allow rule', READ, 'GET free.test/anything', true],
  ['first match wins', MIXED, 'GET api.example.com/repos/a/secrets/b', false],
  ['first match wins', MIXED, 'GET api.example.com/repos/a/secrets', false],
  ['first match wins', MIXED, 'GET api.example.com/repos/a%2fsecrets%2fb', false],
  ['first match wins', MIXED, 'GET api.example.com/repos/a/x/../secrets/b', false],
  ['first match wins', MIXED, 'GET api.example.com/repos/a/b/secrets/c', true],
  ['first match wins', MIXED, 'GET api.example.com/repos/a/pulls', true],
  ['first match wins', MIXED, 'HEAD api.example.com/repos/a/pulls', true],
  ['first match wins', MIXED, 'POST api.example.com/repos/a/pulls', false],
  ['first match wins', MIXED, 'POST api.example.com:8443/repos/a/pulls', true],
  ['first match wins', MIXED, 'POST api.example.com:8443/repos/a/secrets/b', false],
  ['first match wins', MIXED, 'POST api.example.com:8444/repos/a/pulls', false],
  ['deny rules only', MIXED, 'GET a.cdn.test/x', true],
  ['deny rules only', MIXED, 'DELETE a.cdn.test/x', false],
  ['deny rules only', MIXED, 'delete a.cdn.test/x', false],
  ['deny rules only', CLOSED, 'GET api.example.com/public', true],
  ['deny rules only', CLOSED, 'GET api.example.com/admin', false],
  ['deny rules only', CLOSED, 'GET api.example.com/admin/x/y', false],
  ['deny rules only', CLOSED, 'GET api.example.com/x/../admin', false],
  ['deny rules only', CLOSED, 'GET api.example.com/%61dmin', false],
  ['deny rules only', CLOSED, 'GET api.example.com/%2561dmin', false],
  ['deny rules only', CLOSED, 'GET api.example.com//admin', false],
  ['deny rules only', CLOSED, 'GET api.example.com/admin;x=1/y', false],
  ['deny rules only', CLOSED, 'GET api.example.com\\admin'.replace('\\', '/\\'), false],
  ['deny rules only', CLOSED, 'GET api.example.com/v12/keys', false],
  ['deny rules only', CLOSED, 'GET api.example.com/v1/2/keys', true],
  ['deny rules only', CLOSED, 'GET api.example.com/administration', true],
] as const;

it.each(REQUESTS.map(([name, rules, request, want]) => ({ name, rules, request, want })))(
  'decideRequest() with $name: $request is allowed: $want',
  ({ rules, request, want }) => {
    const verdict = decide(rules, request);
    expect(verdict.isAllowed).toBe(want);
    if (!verdict.isAllowed) expect(verdict.reason).toBe('rule');
  },
);

it('decideRequest() names the rule that decided', () => {
  expect(decide(MIXED, 'GET api.example.com/repos/a')).toEqual({
    isAllowed: true,
    rule: 'rules[1]: allow "api.example.com"',
  });
  expect(inWords(decide(MIXED, 'DELETE a.cdn.test/'))).toMatchObject({
    rule: 'rules[3]: deny "*.cdn.test"',
  });
  expect(inWords(decide(READ, 'POST api.example.com/x'))).toMatchObject({
    rule: 'rules: no allow rule of this host matches',
  });
  expect(decide(CLOSED, 'GET api.example.com/x')).toEqual({
    isAllowed: true,
    rule: 'allowed_hosts: "api.example.com:*"',
  });
});

it('a rule that denies *. covers every depth, one that allows a single label', () => {
  const path = { port: 443, scheme: 'https', method: 'GET', path: '/' } as const;
  const make = (action: HttpRule['action']) =>
    compilePolicy({
      ...BASE,
      allowedHosts: ['**.cdn.test'],
      rules: [{ host: '*.cdn.test', methods: ['GET'], action }],
    });
  expect(make('deny').decideRequest({ ...path, name: 'a.b.cdn.test' }).isAllowed).toBe(false);
  expect(
    make('allow').decideRequest({ ...path, name: 'a.b.cdn.test', method: 'POST' }).isAllowed,
  ).toBe(true);
  expect(
    make('allow').decideRequest({ ...path, name: 'a.cdn.test', method: 'POST' }).isAllowed,
  ).toBe(false);
});

it('rules never open a host that allowed_hosts does not', () => {
  const rules: HttpRule[] = [{ host: '*', action: 'allow' }];
  expect(decide(rules, 'GET other.test/x')).toMatchObject({
    isAllowed: false,
    reason: 'not_allowed',
  });
});

it.each([
  [
    'POST',
    '/repos/a',
    'rules: [{ host: "api.example.com", methods: [POST], paths: ["/repos/a"], action: allow }]',
  ],
  [
    'POST',
    '/repos/a?token=1',
    'rules: [{ host: "api.example.com", methods: [POST], paths: ["/repos/a"], action: allow }]',
  ],
  ['X-EVIL]', '/a', 'rules: [{ host: "api.example.com", paths: ["/a"], action: allow }]'],
  [
    'GET',
    '/a"], action: allow }',
    'rules: [{ host: "api.example.com", methods: [GET], paths: ["/**"], action: allow }]',
  ],
  [
    'GET',
    '/a\nb',
    'rules: [{ host: "api.example.com", methods: [GET], paths: ["/**"], action: allow }]',
  ],
  [
    'GET',
    `/${'a'.repeat(300)}`,
    'rules: [{ host: "api.example.com", methods: [GET], paths: ["/**"], action: allow }]',
  ],
  [
    'GET',
    '/a%2fb',
    'rules: [{ host: "api.example.com", methods: [GET], paths: ["/**"], action: allow }]',
  ],
])('a refused %s %j suggests a rule that lets it through', (method, path, want) => {
  const policy = compilePolicy({
    ...BASE,
    rules: [{ host: 'api.example.com', paths: ['/only'], action: 'allow' }],
  });
  const request = { name: 'api.example.com', port: 443, scheme: 'https', method, path } as const;
  expect(inWords(policy.decideRequest(request))).toMatchObject({
    isAllowed: false,
    suggestion: want,
  });
});

it.each([
  [{ host: 'a.test', paths: ['repos'], action: 'allow' }, 'Write /repos'],
  [{ host: 'a.test', paths: ['/a?x=1'], action: 'allow' }, 'a query'],
  [{ host: 'a.test', paths: ['/{a,b}'], action: 'allow' }, 'braces'],
  [{ host: 'a.test', paths: ['/a**'], action: 'allow' }, 'separate entry'],
  [{ host: 'a.test', paths: ['/**b'], action: 'allow' }, 'separate entry'],
  [{ host: 'a.test', paths: ['/a b'], action: 'allow' }, 'separate entry'],
  [{ host: 'a.test', methods: ['G T'], action: 'allow' }, 'GET, POST'],
  [{ host: 'a.test', methods: [''], action: 'allow' }, 'GET, POST'],
  [{ host: 'a.test:22/tcp', action: 'allow' }, '/tcp'],
  [{ host: 'https://a.test', action: 'deny' }, 'a.test'],
  [{ host: 'a.test', action: 'block' as 'deny' }, 'action: allow'],
] satisfies [HttpRule, string][])('compilePolicy() refuses the rule %j', (rule, hint) => {
  expect(() => compilePolicy({ ...BASE, rules: [rule] })).toThrow(
    expect.objectContaining({ code: 'NET_PATTERN_INVALID', hint: expect.stringContaining(hint) }),
  );
});

it('pathForms() is one form for a plain path', () => {
  const segment = fc.stringMatching(/^[A-Za-z0-9_~!$&'()+,=:@-]{1,8}$/);
  fc.assert(
    fc.property(
      fc.array(segment, { minLength: 1, maxLength: 6 }),
      fc.boolean(),
      (segments, isDirectory) => {
        const path = `/${segments.join('/')}${isDirectory ? '/' : ''}`;
        expect(pathForms(`${path}?q=%2e%2e`)).toEqual([path]);
      },
    ),
  );
});

it('no spelling with dots, escapes or slashes leaves an allowed folder', () => {
  const piece = fc.constantFrom(
    'a',
    '/',
    '.',
    '..',
    '%2e',
    '%2E',
    '%2f',
    '%5c',
    '\\',
    '%25',
    '#',
    '2e',
    ';',
    '//',
    '?',
    '%',
    'repos',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
      const path = `/repos/${pieces.join('')}`;
      if (!decide(READ, `GET api.example.com${path}`).isAllowed) return;
      expect(new URL(`http://a.test${path}`).pathname).toMatch(/^\/repos(\/|$)/);
      expect(new URL(`http://a.test${path.split('?')[0]?.replace(/%2f/gi, '/')}`).pathname).toMatch(
        /^\/repos(\/|$)/,
      );
    }),
    { numRuns: 2_000 },
  );
});

it('matchesWildcard() and matchesParts() agree with the plain regular expression', () => {
  const letters = fc.array(fc.constantFrom('a', 'b'), { maxLength: 8 });
  const globs = fc.array(fc.constantFrom('a', 'b', '*'), { maxLength: 6 });
  fc.assert(
    fc.property(globs, letters, (glob, text) => {
      const regex = new RegExp(`^${glob.join('').replaceAll('*', '.*')}$`);
      expect(matchesWildcard(glob.join(''), text.join(''))).toBe(regex.test(text.join('')));
      const parts = glob.map((part) => (part === '*' ? '**' : part));
      expect(matchesParts(parts, text)).toBe(regex.test(text.join('')));
    }),
    { numRuns: 2_000 },
  );
});

it('matching stays fast on hostile input', () => {
  const start = performance.now();
  expect(matchesWildcard('*a*a*a*a*a*a*a*b', 'a'.repeat(5_000))).toBe(false);
  expect(matchesParts(['**', 'a', '**', 'a', '**', 'b'], new Array<string>(5_000).fill('a'))).toBe(
    false,
  );
  pathForms(`/${'%25'.repeat(20_000)}/${'../'.repeat(20_000)}`);
  expect(performance.now() - start).toBeLessThan(10_000);
});

it.each([
  ...[
    '/admin',
    '/admin/',
    '/admin//',
    '/admin%2f',
    '/ADMIN',
    '/%41dmin',
    '/admin%20',
    '/%20admin',
    '/admin%09/x',
  ],
  ...[
    '/admin.',
    '/admin%2e',
    '/admin%00',
    '/admin%00.html',
    '/Admin/x',
    '/x/..%2fadmin%2f',
    '/admin%0d',
    '/admin%20/',
  ],
])('a rule that denies /admin/** covers %s', (path) => {
  const policy = compilePolicy({
    ...BASE,
    rules: [{ host: 'api.example.com', paths: ['/admin/**'], action: 'deny' }],
  });
  const asked = {
    name: 'api.example.com',
    port: 443,
    scheme: 'https',
    method: 'GET',
    path,
  } as const;
  expect(policy.decideRequest(asked)).toMatchObject({ isAllowed: false, reason: 'rule' });
  expect(policy.decideRequest({ ...asked, path: '/administration' }).isAllowed).toBe(true);
});

it.each(['/admin/', '/Admin', '/'])(
  'a rule that denies %s exactly covers its other spellings and nothing below',
  (path) => {
    const policy = compilePolicy({
      ...BASE,
      rules: [{ host: 'api.example.com', paths: [path], action: 'deny' }],
    });
    const decide = (asked: string) =>
      policy.decideRequest({
        name: 'api.example.com',
        port: 443,
        scheme: 'https',
        method: 'GET',
        path: asked,
      }).isAllowed;
    const own = path === '/' ? ['/', '//'] : ['/admin', '/ADMIN/', '/admin%20'];
    expect(own.map(decide)).toEqual(own.map(() => false));
    expect(decide('/admin/x')).toBe(true);
  },
);

it('a refusal names the reason of the rule that denies, or of the allow rules that do not match', () => {
  const host = 'api.example.com';
  const rules: HttpRule[] = [
    { host, paths: ['/admin'], action: 'deny', reason: 'ask the owners' },
    { host, methods: ['GET'], paths: ['/a'], action: 'allow', reason: 'reading only' },
    { host, methods: ['GET'], paths: ['/b'], action: 'allow', reason: 'reading only' },
    ...['two', 'three', 'four'].map((reason, at): HttpRule => {
      return { host, paths: [`/${at}`], action: 'allow', reason };
    }),
  ];
  expect(decide(rules, 'GET api.example.com/admin')).toMatchObject({
    decidedBy: [{ by: 'rule', index: 0, reasons: ['ask the owners'] }],
  });
  expect(decide(rules, 'POST api.example.com/a')).toMatchObject({
    decidedBy: [{ by: 'rules', reasons: ['reading only', 'two', 'three'] }],
  });
});

it.each(['a\nb', '\u202eabc', 'x'.repeat(201), '\u001b[31mred'])(
  'a rule with the reason %j is refused',
  (reason) => {
    const rule: HttpRule = { host: 'api.example.com', action: 'deny', reason };
    expect(() => decide([rule], 'GET api.example.com/')).toThrow(
      expect.objectContaining({
        code: 'NET_PATTERN_INVALID',
        details: { field: 'rules', entry: expect.any(String) },
      }),
    );
  },
);
