import { type Attack, refused } from './attack.ts';
import { get, http2, lines, overTls, plain, pseudo } from './guest-lines.ts';

const MISMATCH = refused('name_mismatch');
/** No answer: the connection was reset. */
const NOTHING = /^$|reset|failed/;
const BAD_REQUEST = /400 Bad Request|reason: protocol/;

/** Requests in forms that proxies disagree on, over HTTP/1.1 and HTTP/2. */
const forms: readonly Attack[] = [
  {
    name: 'two Host fields',
    line: () => overTls('other.test', get('other.test', '/', 'Host: denied.test')),
    sees: BAD_REQUEST,
  },
  {
    name: 'two Host fields, the denied one first',
    line: () => overTls('other.test', get('denied.test', '/', 'hOsT: other.test')),
    sees: BAD_REQUEST,
  },
  {
    name: 'a blank before the colon of Host',
    line: () =>
      overTls(
        'other.test',
        lines('GET / HTTP/1.1', 'Host : denied.test', 'Host: other.test', 'Connection: close'),
      ),
    sees: BAD_REQUEST,
  },
  {
    name: 'Host on a folded line',
    line: () =>
      overTls(
        'other.test',
        lines('GET / HTTP/1.1', 'Host: other.test', ' .denied.test', 'Connection: close'),
      ),
    sees: /400 Bad Request|name_mismatch/,
  },
  {
    name: 'no Host',
    line: () => overTls('other.test', lines('GET / HTTP/1.1', 'Connection: close')),
    sees: BAD_REQUEST,
  },
  {
    name: 'absolute form of a denied host',
    line: () => plain('plain.test', 80, get('plain.test', 'http://denied.test/')),
    sees: MISMATCH,
  },
  {
    name: 'absolute form of another scheme',
    line: () => plain('plain.test', 80, get('plain.test', 'https://plain.test/')),
    sees: MISMATCH,
  },
  {
    name: 'absolute form with userinfo',
    line: () => plain('plain.test', 80, get('plain.test', 'http://plain.test@denied.test/')),
    sees: MISMATCH,
  },
  {
    name: 'absolute form of the own host, Host of a denied one',
    line: () => plain('plain.test', 80, get('denied.test', 'http://plain.test/')),
    sees: MISMATCH,
  },
  {
    name: 'a target that starts with @',
    line: () => plain('plain.test', 80, get('plain.test', '@denied.test/')),
    sees: /400 Bad Request|name_mismatch/,
  },
  {
    name: 'CONNECT to a denied host',
    line: () =>
      plain('plain.test', 80, lines('CONNECT denied.test:443 HTTP/1.1', 'Host: denied.test:443')),
    sees: /405 Method Not Allowed/,
  },
  {
    name: 'CONNECT to this host, and bytes for it',
    line: ({ canaries: { port } }) =>
      plain(
        'plain.test',
        80,
        `${lines(`CONNECT 127.0.0.1:${port} HTTP/1.1`, `Host: 127.0.0.1:${port}`)}GET / HTTP/1.0\r\n\r\n`,
      ),
    sees: /405 Method Not Allowed/,
  },
  {
    name: 'TRACE',
    line: () =>
      plain('plain.test', 80, lines('TRACE / HTTP/1.1', 'Host: plain.test', 'Connection: close')),
    sees: /405 Method Not Allowed/,
  },
  {
    name: 'a target of *',
    line: () =>
      plain('plain.test', 80, lines('OPTIONS * HTTP/1.1', 'Host: plain.test', 'Connection: close')),
    sees: BAD_REQUEST,
  },
  {
    name: 'a path that rules deny, hidden by ..%2f',
    line: () => "curl -sS --path-as-is 'https://other.test/public/..%2fadmin/x'",
    sees: refused('rule'),
  },
  {
    name: 'WebSocket to a denied host',
    line: () =>
      "curl -sS -m 6 -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==' https://denied.test/",
    sees: refused('not_allowed'),
  },
  {
    name: "a proxy of the guest's own choice",
    line: ({ canaries: { port }, hostAddress }) =>
      `curl -sS -m 6 -x http://${hostAddress}:${port} http://denied.test/`,
    sees: /reason: private_address|name_mismatch/,
  },
  {
    name: 'SOCKS through an allowed host',
    line: () => plain('plain.test', 80, '\x05\x01\x00'),
    sees: NOTHING,
  },
];

const second: readonly Attack[] = [
  {
    name: 'HTTP/2 :authority of a denied host',
    line: () => overTls('other.test', http2(pseudo('denied.test')), { alpn: 'h2' }),
    sees: MISMATCH,
  },
  {
    name: 'HTTP/2 :authority right, host of a denied one',
    line: () =>
      overTls('other.test', http2([...pseudo('other.test'), ['host', 'denied.test']]), {
        alpn: 'h2',
      }),
    sees: MISMATCH,
  },
  {
    name: 'HTTP/2 :authority of a denied host, host right',
    line: () =>
      overTls('other.test', http2([...pseudo('denied.test'), ['host', 'other.test']]), {
        alpn: 'h2',
      }),
    sees: MISMATCH,
  },
  {
    name: 'HTTP/2 without any authority',
    line: () => overTls('other.test', http2(pseudo('').slice(0, 3)), { alpn: 'h2' }),
    sees: /./s,
  },
  {
    name: 'HTTP/2 with two :authority',
    line: () =>
      overTls('other.test', http2([...pseudo('other.test'), [':authority', 'denied.test']]), {
        alpn: 'h2',
      }),
    sees: /./s,
  },
  {
    name: 'HTTP/2 :path that is an URL of a denied host',
    line: () =>
      overTls('other.test', http2(pseudo('other.test', 'https://denied.test/')), { alpn: 'h2' }),
    sees: /./s,
  },
  {
    name: 'HTTP/2 :authority with CR LF',
    line: () =>
      overTls('other.test', http2(pseudo('other.test\r\nhost: denied.test')), { alpn: 'h2' }),
    sees: /./s,
  },
  {
    name: 'HTTP/2 with a transfer-encoding field',
    line: () =>
      overTls('other.test', http2([...pseudo('other.test'), ['transfer-encoding', 'chunked']]), {
        alpn: 'h2',
      }),
    sees: /./s,
  },
  {
    name: 'HTTP/2 with a field name in capitals',
    line: () =>
      overTls('other.test', http2([...pseudo('other.test'), ['Host', 'denied.test']]), {
        alpn: 'h2',
      }),
    sees: /./s,
  },
  {
    name: 'HTTP/2 CONNECT',
    line: () =>
      overTls(
        'other.test',
        http2([
          [':method', 'CONNECT'],
          [':authority', 'denied.test:443'],
        ]),
        { alpn: 'h2' },
      ),
    sees: /is not supported/,
  },
  {
    name: 'HTTP/2 :scheme http in TLS, of a denied host',
    line: () => overTls('other.test', http2(pseudo('denied.test', '/', 'http')), { alpn: 'h2' }),
    sees: MISMATCH,
  },
  {
    name: 'HTTP/2 without TLS to a denied host',
    line: () => plain('denied.test', 80, http2(pseudo('denied.test', '/', 'http')), 1),
    sees: refused('not_allowed'),
  },
  {
    name: 'HTTP/2, the second request of a connection to a denied host',
    line: () => overTls('h2.test', http2(pseudo('h2.test'), pseudo('denied.test')), { alpn: 'h2' }),
    sees: /h2 says[\s\S]*name_mismatch|name_mismatch[\s\S]*h2 says/,
    arrives: /^\{":method":"GET",":path":"\/"[^\n]*$/,
  },
];

export const FORM_ATTACKS: readonly Attack[] = [...forms, ...second];
