import { expect, it } from 'vitest';
import { downloadEnvironment } from '../../../../src/net/proxy/download-environment.ts';

it('downloadEnvironment() is empty without a proxy', () => {
  expect(downloadEnvironment(undefined)).toEqual({});
});

it('downloadEnvironment() names the proxy with its credentials, escaped', () => {
  const credentials = 'us@er:p/a:s%s';
  const url = 'http://us%40er:p%2Fa%3As%25s@proxy.example.com:3128';
  expect(downloadEnvironment({ url: 'http://proxy.example.com:3128', credentials })).toEqual({
    http_proxy: url,
    https_proxy: url,
  });
});

it('downloadEnvironment() lets a SOCKS proxy resolve names, and takes what no_proxy can say', () => {
  const noProxy = ['**.corp.example.com', 'mirror.test', '10.0.0.0/8'];
  expect(downloadEnvironment({ url: 'socks5://[::1]', noProxy })).toEqual({
    http_proxy: 'socks5h://[::1]:1080',
    https_proxy: 'socks5h://[::1]:1080',
    no_proxy: '.corp.example.com,mirror.test',
  });
});

it('downloadEnvironment() refuses an invalid proxy without showing it', () => {
  expect(() => downloadEnvironment('http://user:hunter2@proxy.test:1')).toThrow(
    expect.objectContaining({ code: 'NET_PROXY_INVALID' }),
  );
  expect(() => downloadEnvironment('http://user:hunter2@proxy.test:1')).not.toThrow(/hunter2/);
});
