import { type Attack, refused } from './attack.ts';
import {
  get,
  http2Flood,
  http2Resets,
  lines,
  overTls,
  plain,
  webSocket,
  webSocketFrame,
} from './guest-lines.ts';

/** A request that only a server that reads the framing otherwise than we do would see. */
const HIDDEN = get('denied.test', '/hidden');

const post = (...more: readonly string[]) =>
  lines('POST / HTTP/1.1', 'Host: plain.test', 'Connection: close', ...more);

/** Each must be refused whole: nothing of it reaches the server. */
const framings: readonly (readonly [string, string])[] = [
  [
    'Content-Length and Transfer-Encoding',
    `${post('Content-Length: 6', 'Transfer-Encoding: chunked')}0\r\n\r\n${HIDDEN}`,
  ],
  [
    'Transfer-Encoding and Content-Length',
    `${post('Transfer-Encoding: chunked', 'Content-Length: 6')}0\r\n\r\n${HIDDEN}`,
  ],
  ['two lengths', `${post('Content-Length: 0', 'Content-Length: 80')}${HIDDEN}`],
  ['a list of lengths', `${post('Content-Length: 0, 80')}${HIDDEN}`],
  ['a length with a sign', `${post('Content-Length: +0')}${HIDDEN}`],
  ['a hexadecimal length', `${post('Content-Length: 0x0')}${HIDDEN}`],
  ['a negative length', `${post('Content-Length: -1')}${HIDDEN}`],
  ['an unknown transfer coding', `${post('Transfer-Encoding: xchunked')}0\r\n\r\n${HIDDEN}`],
  ['chunked that is not last', `${post('Transfer-Encoding: chunked, identity')}0\r\n\r\n${HIDDEN}`],
  [
    'chunked twice',
    `${post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')}0\r\n\r\n${HIDDEN}`,
  ],
  [
    'a blank before the colon of Transfer-Encoding',
    `${post('Transfer-Encoding : chunked', 'Content-Length: 0')}${HIDDEN}`,
  ],
  [
    'a vertical tab in Transfer-Encoding',
    `${post('Transfer-Encoding:\x0bchunked', 'Content-Length: 0')}${HIDDEN}`,
  ],
  [
    'a folded Transfer-Encoding',
    `${post('Transfer-Encoding:\r\n chunked', 'Content-Length: 5')}0\r\n\r\n${HIDDEN}`,
  ],
  ['bare LF', `POST / HTTP/1.1\nHost: plain.test\nContent-Length: 0\n\n${HIDDEN}`],
  [
    'a bare CR in a field',
    `${lines('GET / HTTP/1.1', 'Host: plain.test', 'X: a\rHost: denied.test', 'Connection: close')}`,
  ],
  ['a chunk size that is no number', `${post('Transfer-Encoding: chunked')}xyz\r\n\r\n${HIDDEN}`],
  [
    'a chunk size beyond all',
    `${post('Transfer-Encoding: chunked')}fffffffffffffffff\r\n\r\n${HIDDEN}`,
  ],
  [
    'a chunk without its line end',
    `${post('Transfer-Encoding: chunked')}3\r\nabcX0\r\n\r\n${HIDDEN}`,
  ],
  [
    'a chunk size that ends in LF',
    `${post('Transfer-Encoding: chunked')}3\nabc\r\n0\r\n\r\n${HIDDEN}`,
  ],
  [
    'HTTP/1.0 with chunks',
    `${lines('POST / HTTP/1.0', 'Host: plain.test', 'Transfer-Encoding: chunked')}0\r\n\r\n${HIDDEN}`,
  ],
  ['HTTP/0.9', 'GET /\r\n'],
  ['HTTP/2.7', lines('GET / HTTP/2.7', 'Host: plain.test')],
  ['a method with a blank in it', lines('GET  / HTTP/1.1', 'Host: plain.test')],
  ['a NUL in a field', lines('GET / HTTP/1.1', 'Host: plain.test', 'X: a\0b')],
];

export const SMUGGLING_ATTACKS: readonly Attack[] = [
  ...framings.map(
    ([name, bytes]): Attack => ({
      name: `smuggling by ${name}`,
      line: () => plain('plain.test', 80, bytes),
      sees: /^$|400 Bad Request|reason: protocol/,
      seesNot: /hidden/,
      arrives: /^(?![\s\S]*(?:hidden|denied))/,
    }),
  ),
  {
    name: 'a second request, pipelined, to a denied host',
    line: () =>
      plain('plain.test', 80, `${lines('GET /first HTTP/1.1', 'Host: plain.test')}${HIDDEN}`),
    sees: /hello from plain\.test[\s\S]*reason: name_mismatch/,
    arrives: /^GET \/first (?![\s\S]*hidden)/,
  },
  {
    name: 'a second request, pipelined, to another allowed host',
    line: () =>
      overTls(
        'other.test',
        `${lines('GET /first HTTP/1.1', 'Host: other.test')}${get('api.test')}`,
      ),
    sees: /hello from other\.test[\s\S]*reason: name_mismatch/,
    arrives: /^GET \/first /,
  },
  {
    name: 'a second request, pipelined, to a path that rules deny',
    line: () =>
      overTls(
        'other.test',
        `${lines('GET /first HTTP/1.1', 'Host: other.test')}${get('other.test', '/admin/x')}`,
      ),
    sees: /hello from other\.test[\s\S]*reason: rule/,
    arrives: /^GET \/first (?![\s\S]*admin)/,
  },
  {
    name: 'a request in the body of one',
    line: () => plain('plain.test', 80, `${post(`Content-Length: ${HIDDEN.length}`)}${HIDDEN}`),
    sees: /hello from plain\.test/,
    arrives: /^POST \/ HTTP\/1\.1\r\n[\s\S]*\r\n\r\nGET \/hidden/,
  },
  {
    name: 'an upgrade to h2c, and HTTP/2 behind it',
    line: () =>
      plain(
        'plain.test',
        80,
        `${lines('GET /first HTTP/1.1', 'Host: plain.test', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__')}PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${HIDDEN}`,
      ),
    sees: /hello from plain\.test/,
    seesNot: /101 Switching/,
    arrives: /^GET \/first (?![\s\S]*(?:PRI|hidden|[Uu]pgrade))/,
  },
  {
    name: 'an upgrade to a made-up protocol, and bytes behind it',
    line: () =>
      plain(
        'plain.test',
        80,
        `${lines('GET /first HTTP/1.1', 'Host: plain.test', 'Connection: Upgrade', 'Upgrade: tcp')}raw bytes`,
      ),
    sees: /hello from plain\.test/,
    arrives: /^GET \/first (?![\s\S]*(?:raw|[Uu]pgrade))/,
  },
  {
    name: 'bytes behind a WebSocket handshake that the server does not answer with 101',
    line: () =>
      plain(
        'plain.test',
        80,
        webSocket('plain.test', [], webSocketFrame('early bytes'), Buffer.from(HIDDEN)),
      ),
    sees: /hello from plain\.test/,
    arrives: /^GET \/chat (?![\s\S]*hidden)/,
  },
  {
    name: 'hop-by-hop fields that would take the framing away',
    line: () =>
      plain(
        'plain.test',
        80,
        `${lines('POST /first HTTP/1.1', 'Host: plain.test', 'Connection: close, Content-Length, Host', 'Content-Length: 3')}abc`,
      ),
    sees: /hello from plain\.test/,
    arrives:
      /^POST \/first HTTP\/1\.1\r\n(?=[\s\S]*[Hh]ost: plain\.test\r\n)[\s\S]*(?:3\r\n[\s\S]*)?abc/,
  },
];

/** What takes a host's memory or time; the row ends within seconds and the VM goes on. */
export const LIMIT_ATTACKS: readonly Attack[] = [
  {
    name: 'a field of 200 KiB',
    line: () =>
      `curl -sS -m 8 -H "x-long: $(head -c 100000 /dev/zero | tr '\\0' x)" -H "x-more: $(head -c 100000 /dev/zero | tr '\\0' y)" -o /dev/null -w '%{http_code}' http://plain.test/`,
    sees: /^431/,
  },
  {
    name: '20,000 fields',
    line: () =>
      `{ printf 'GET / HTTP/1.1\\r\\nHost: plain.test\\r\\n'; seq -f 'x-%.0f: 1\r' 20000; printf '\\r\\n'; } | nc -N -w 5 plain.test 80`,
    sees: /^$|^HTTP\/1\.1 431/,
  },
  {
    name: 'a CONTINUATION flood',
    line: () => overTls('other.test', http2Flood(400), { alpn: 'h2' }),
    sees: /^(?![\s\S]*hello)/,
  },
  {
    name: '500 streams that are cancelled at once, then one that is served',
    line: () => overTls('other.test', http2Resets('other.test', 500), { alpn: 'h2' }),
    sees: /./s,
    arrives: 'anything',
  },
  {
    name: '300 connections that send half a request and stay',
    line: () => `python3 - <<'END'
import socket, urllib.request
kept = []
for _ in range(300):
    s = socket.create_connection(('plain.test', 80))
    s.send(b'GET / HTTP/1.1\\r\\nHost: plain.test\\r\\nx-slow: ')
    kept.append(s)
print(len(kept), urllib.request.urlopen('http://plain.test/after').read().decode())
END`,
    sees: /^300 hello from plain\.test/,
    arrives: /^GET \/after [\s\S]*$/,
  },
  {
    name: 'a server that sends fields without end',
    line: () => 'curl -sS -m 8 https://api.test/endless-header',
    sees: refused('NET_UPSTREAM_INVALID'),
    arrives: /endless-header/,
  },
  {
    name: 'a server that splits its answer by a bare CR',
    line: () => 'curl -sS -i -m 8 https://api.test/split',
    sees: /NET_UPSTREAM_INVALID|HTTP\/(?:2|1\.1) 502/,
    seesNot: /^x-evil/im,
    arrives: /split/,
  },
  {
    name: 'a server that sends a second answer that nobody asked for',
    line: () => 'curl -sS -m 8 https://api.test/two-answers https://api.test/after',
    sees: /^(?:ok\n|gondolin: [\s\S]*)api saw GET \/after\n$/,
    seesNot: /POISON/,
    arrives: /two-answers[\s\S]*after/,
  },
  {
    name: 'an answer that grows a thousandfold when it is decoded',
    line: () => 'curl -sS -m 20 -H "authorization: Bearer $TOKEN" https://api.test/bomb | wc -c',
    sees: /^16777216\n$/,
    arrives: /GET \/bomb/,
  },
];
