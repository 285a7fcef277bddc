import { expect, it } from 'vitest';
import { loadHandlers } from './local-sandbox.ts';

/** Texts and bases; what Node makes of them is what the guest must make of them. */
const URLS: readonly (readonly [text: string, base?: string])[] = [
  ['https://user:pa%20ss@Example.COM:8443/a/./b/../c?q=1&q=2#part'],
  ['http://example.com:80/'],
  ['https://example.com:443'],
  ['http://0x7f.1/'],
  ['http://192.168.257/'],
  ['http://[2001:DB8::0:1]:8080/'],
  ['http://[::ffff:1.2.3.4]/'],
  ['http://bücher.example/ä?ö#ü'],
  ['http://ex%41mple.com/%7Efoo/%zz'],
  ['file:///C:/x/../y'],
  ['mailto:a@example.com?subject=x y'],
  ['data:text/plain,hello world'],
  ['javascript:alert(1)'],
  ['  http://example.com/\t\n  '],
  ['http:\\\\example.com\\a\\b'],
  ['//other.example/x', 'https://example.com/a/b'],
  ['../x?y', 'https://example.com/a/b/c'],
  ['?y', 'https://example.com/a?x#z'],
  ['#z', 'https://example.com/a?x'],
  ['', 'https://example.com/a'],
  ['x'],
  ['http://'],
  ['http://a b/'],
  ['http://example.com:99999/'],
  ['http://[::1'],
  ['http://1.2.3.4.5/'],
  ['x', 'mailto:a@example.com'],
];

const READ = `
  const parts = ['href', 'origin', 'protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash'];
  const read = ([text, base]) => {
    try { const url = new URL(text, base); return parts.map((name) => url[name]); } catch (error) { return error.name; }
  };`;

it('URL makes of texts what Node makes of them', async () => {
  const loaded = await loadHandlers({
    urls: `${READ} export function handler(urls) { return urls.map(read); }`,
  });
  const read = new Function(`${READ} return read;`)() as (url: unknown) => unknown;
  const expected = URLS.map((url) => read(url));
  expect(await loaded.callHandler('urls', URLS)).toEqual(expected);
  expect(expected.filter((one) => one === 'TypeError').length).toBeGreaterThan(5);
});

it('URLSearchParams and the setters of URL do as the standard says', async () => {
  const code = `
    const params = new URLSearchParams('a=1&b=2&a=3&c=%20+%zz');
    params.append('ä', '& =');
    params.delete('b');
    params.sort();
    const url = new URL('https://example.com/a?x=1');
    url.searchParams.append('y', 'z z');
    url.hostname = 'other.example';
    url.port = '8080';
    url.hash = 'h';
    return [String(params), params.getAll('a'), params.has('b'), [...new URLSearchParams({ k: 'v' })],
      url.href, JSON.stringify(url), URL.canParse('x:'), URL.canParse('x'), params.size];`;
  const loaded = await loadHandlers({ code: `export function handler() { ${code} }` });
  expect(await loaded.callHandler('code', null)).toEqual(new Function(code)());
});

it('URL is evaluated when it is used, once, and yields to what a handler defines', async () => {
  const loaded = await loadHandlers({
    first: 'function handler() { return 1; }',
    uses: 'function handler() { const first = URL; return [first === URL, typeof URLSearchParams, "URL" in globalThis]; }',
    own: 'export function handler() { globalThis.URL = 5; return [URL, new URLSearchParams("a=1").get("a")]; }',
  });
  const snapshot = await loaded.snapshot();
  await loaded.callHandler('first', null);
  const bare = loaded.lastCallStats.heapBytes;
  expect(await loaded.callHandler('uses', null)).toEqual([true, 'function', true]);
  expect(loaded.lastCallStats.heapBytes - bare).toBeGreaterThan(100_000);
  expect(loaded.lastCallStats.heapBytes - bare).toBeLessThan(600_000);
  await loaded.restore(snapshot);
  expect(await loaded.callHandler('own', null)).toEqual([5, '1']);
});
