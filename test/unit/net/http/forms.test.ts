import fc from 'fast-check';
import { expect, it } from 'vitest';
import { GondolinError } from '../../../../src/errors/gondolin-error.ts';
import { agrees, readAuthority, writeAuthority } from '../../../../src/net/http/authority.ts';
import {
  renderRefusal,
  toRefusalPage,
} from '../../../../src/net/http/exchange/refusal/refusal-page.ts';
import {
  endToEnd,
  fieldValues,
  fromHttp2Headers,
  toHttp2Headers,
} from '../../../../src/net/http/fields.ts';
import { upstreamError } from '../../../../src/net/http/upstream/upstream-error.ts';

it.each([
  ['example.com', { host: 'example.com', port: null }],
  ['EXAMPLE.com.:8443', { host: 'example.com', port: 8443 }],
  ['bücher.test', { host: 'xn--bcher-kva.test', port: null }],
  ['10.0.0.1:80', { host: '10.0.0.1', port: 80 }],
  ['[::1]', { host: '::1', port: null }],
  ['[0:0:0:0:0:0:0:1]:443', { host: '::1', port: 443 }],
  ['', null],
  [':80', null],
  ['a:0', null],
  ['a:65536', null],
  ['a:b', null],
  ['user@a', null],
  ['a/b', null],
  ['a?b', null],
  ['a#b', null],
  ['a\\b', null],
  ['a%2eb', null],
  ['a b', null],
  ['0x7f.1', null],
  ['127.1', null],
  ['::1', null],
  ['[::1%lo]', null],
  ['a'.repeat(301), null],
])('readAuthority() reads %j as %j', (text, authority) => {
  expect(readAuthority(text)).toEqual(authority);
});

it('writeAuthority() is read back as the same place', () => {
  const names = fc.constantFrom('a.test', '10.0.0.1', '2001:db8::1');
  const schemes = fc.constantFrom('http' as const, 'https' as const);
  fc.assert(
    fc.property(names, fc.integer({ min: 1, max: 65_535 }), schemes, (name, port, scheme) => {
      const authority = readAuthority(writeAuthority({ name, port, scheme }));
      return authority !== null && agrees(authority, { name, port, scheme });
    }),
  );
});

it('endToEnd() drops hop-by-hop fields and what Connection names, but never the framing or Host', () => {
  const fields = [
    'A',
    '1',
    'Connection',
    'B, content-length, host',
    'b',
    '2',
    'Content-Length',
    '3',
    'TE',
    'x',
    'Host',
    'h',
    ':path',
    '/',
  ];
  expect(endToEnd(fields)).toEqual(['A', '1', 'Content-Length', '3', 'Host', 'h']);
});

it('toHttp2Headers() and fromHttp2Headers() keep every value of a repeated field', () => {
  const record = toHttp2Headers(['Set-Cookie', 'a', 'set-cookie', 'b', 'X', '1']);
  expect(record).toEqual({ 'set-cookie': ['a', 'b'], x: '1' });
  expect(fieldValues(fromHttp2Headers(record), 'set-cookie')).toEqual(['a', 'b']);
});

const TO = { name: 'evil.test', port: 443 };
const REFUSAL = toRefusalPage(
  {
    kind: 'blocked',
    reason: 'not_allowed',
    decidedBy: [{ by: 'allowed_hosts', near: [], port: 443, transport: 'https' }],
    suggest: { kind: 'add', list: 'allowed_hosts', entry: 'evil.test' },
  },
  TO,
);

it('renderRefusal() tells a line to take away from one to add', () => {
  const suggestion = 'remove "evil.test" from denied_hosts';
  const { body } = renderRefusal({ ...REFUSAL, suggestion }, []);
  expect(body.toString()).toContain(`\nin gondolin.yaml:\n  ${suggestion}\n`);
});

it('renderRefusal() writes text for people, JSON for clients that ask for it', () => {
  const text = renderRefusal(REFUSAL, ['Accept', '*/*']);
  expect(text.statusText).toBe('Forbidden');
  expect(text.body.toString()).toBe(
    [
      'gondolin: blocked this request: Network access denied for host: evil.test',
      'host: evil.test',
      'port: 443',
      'reason: not_allowed',
      'rule: allowed_hosts: no entry covers it',
      'add to gondolin.yaml:',
      '  allowed_hosts: ["evil.test"]',
      '',
    ].join('\n'),
  );
  const json = renderRefusal(REFUSAL, ['accept', 'application/vnd.github+json, */*']);
  const { error, gondolin } = JSON.parse(json.body.toString());
  expect(error).toContain('add to gondolin.yaml: allowed_hosts: ["evil.test"]');
  expect(gondolin).toMatchObject({ status: 403, host: 'evil.test' });
  const browser = renderRefusal(REFUSAL, ['accept', 'text/html, application/json;q=0.9']);
  expect(browser.fields).toContain('text/plain; charset=utf-8');
});

it.each([
  [Object.assign(new Error('x'), { code: 'UND_ERR_HEADERS_TIMEOUT' }), 'NET_UPSTREAM_TIMEOUT'],
  [Object.assign(new Error('x'), { code: 'UND_ERR_HEADERS_OVERFLOW' }), 'NET_UPSTREAM_INVALID'],
  [Object.assign(new Error('x'), { code: 'ECONNRESET' }), 'NET_UPSTREAM_CLOSED'],
  [new GondolinError('NET_DIAL_FAILED', 'x'), 'NET_DIAL_FAILED'],
])('upstreamError() gives %s its code', (error, code) => {
  expect(upstreamError(error, 'api.test').code).toBe(code);
});
