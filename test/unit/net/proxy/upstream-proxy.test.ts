import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { UpstreamProxy } from '../../../../src/net/proxy/upstream-proxy.ts';

it.each([
  ['http://proxy.test:3128', 'http', 'proxy.test', 3128],
  ['http://proxy.test', 'http', 'proxy.test', 80],
  ['https://proxy.test/', 'https', 'proxy.test', 443],
  ['https://proxy.test:80', 'https', 'proxy.test', 80],
  ['socks5://[::1]:9050', 'socks5', '::1', 9050],
  ['SOCKS5://Proxy.test', 'socks5', 'proxy.test', 1080],
] as const)('UpstreamProxy reads %s', (url, kind, host, port) => {
  expect(new UpstreamProxy({ url })).toMatchObject({ kind, host, port });
});

it.each([
  'proxy.test:3128',
  'ftp://proxy.test',
  'socks4://proxy.test',
  'http://user:hunter22@proxy.test',
  'http://proxy.test/path',
  'http://proxy.test/?q',
  'http://proxy.test:0',
  'http://',
  '',
])('UpstreamProxy refuses %s and shows nothing of it', (url) => {
  const act = () => new UpstreamProxy({ url });
  expect(act).toThrow(expect.objectContaining({ code: 'NET_PROXY_INVALID' }));
  expect(act).not.toThrow(/hunter22/);
});

it('UpstreamProxy refuses credentials without a user, and for SOCKS5 those that are too long', () => {
  const proxy = (url: string, credentials: string) => () => new UpstreamProxy({ url, credentials });
  const invalid = expect.objectContaining({ code: 'NET_PROXY_INVALID' });
  expect(proxy('http://p.test', 'password-only')).toThrow(invalid);
  expect(proxy('http://p.test', ':password')).toThrow(invalid);
  expect(proxy('socks5://p.test', `user:${'x'.repeat(256)}`)).toThrow(invalid);
  expect(proxy('http://p.test', `user:${'x'.repeat(256)}`)).not.toThrow();
});

it('UpstreamProxy shows no credentials when it is printed', () => {
  const proxy = new UpstreamProxy({ url: 'http://p.test', credentials: 'user:hunter22' });
  expect(inspect(proxy, { depth: 9, showHidden: true })).not.toContain('hunter22');
  expect(JSON.stringify({ proxy, own: proxy.credentials?.value })).not.toContain('hunter22');
});

it('UpstreamProxy names the entry of no_proxy that cannot be used', () => {
  expect(() => new UpstreamProxy({ url: 'http://p.test', noProxy: ['.example.com'] })).toThrow(
    expect.objectContaining({
      code: 'NET_PATTERN_INVALID',
      details: { field: 'upstream_proxy.no_proxy', entry: '.example.com' },
    }),
  );
});
