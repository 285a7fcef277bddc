import type { Attack } from './attack.ts';
import { overTls, webSocket, webSocketFrame } from './guest-lines.ts';

const ask = (path: string, ...more: readonly string[]) =>
  `curl -sS -i --raw -m 8 -H "authorization: Bearer $TOKEN" ${more.join(' ')} https://api.test/${path}`;

/** The servers got the value: these rows prove that it was there to come back. */
const WITH_VALUE = /[Aa]uthorization: Bearer c4n4ry/;
const PLACEHOLDER = /GONDOLIN_SECRET_[0-9a-f]{32}/;

function back(name: string, path: string, sees = PLACEHOLDER, ...more: readonly string[]): Attack {
  return {
    name: `a value that comes back in ${name}`,
    line: () => ask(path, ...more),
    sees,
    arrives: WITH_VALUE,
  };
}

const BASE64_OF_PLACEHOLDER = /R09ORE9MSU5fU0VDUkVU|dPTkRPTElOX1NFQ1JFV|HT05ET0xJTl9TRUNSRV/;
const HEX_OF_PLACEHOLDER = /474f4e444f4c494e5f5345435245545f/;

export const BACK_ATTACKS: readonly Attack[] = [
  back('a field', 'header'),
  back('the name of a field, in hexadecimal', 'header-name', HEX_OF_PLACEHOLDER),
  back('the body', 'body'),
  back('the body over HTTP/1.1', 'body', PLACEHOLDER, '--http1.1'),
  back('a gzip body', 'gzip', PLACEHOLDER, '--compressed'),
  back('a deflate body', 'deflate', PLACEHOLDER, '--compressed'),
  back('a Brotli body', 'br', PLACEHOLDER, '--compressed'),
  back('a body compressed twice', 'gzip-twice'),
  back('a body that comes letter by letter', 'chunks', PLACEHOLDER),
  back('base64 at each alignment', 'base64', BASE64_OF_PLACEHOLDER),
  back('base64 of URLs', 'base64url', BASE64_OF_PLACEHOLDER),
  back('hexadecimal', 'hex', HEX_OF_PLACEHOLDER),
  back('JSON within JSON', 'json'),
  back('percent-encoding, once and twice', 'percent'),
  back('HTML entities', 'html'),
  back('an error page', 'error'),
  back('the reason phrase', 'reason', /^HTTP\/1\.1 403 Forbidden/, '--http1.1'),
  back('the location of a redirect', 'redirect'),
  back('a cookie', 'cookie'),
  back('a trailer', 'trailer', PLACEHOLDER, '--http1.1'),
  back('early hints', 'hints', /ok\n/),
  back('a range of the answer', 'range', PLACEHOLDER, '-H "range: bytes=3-"'),
  {
    name: 'a value that comes back over HTTP/2 of the server',
    line: () => 'curl -sS -i -m 8 --http2 -H "authorization: Bearer $TOKEN" https://h2.test/',
    sees: /x-echo: Bearer GONDOLIN_SECRET_[\s\S]*h2 says Bearer GONDOLIN_SECRET_/,
    arrives: /"authorization":"Bearer c4n4ry/,
  },
  {
    name: 'a value of Basic credentials that comes back',
    line: () => 'curl -sS -i -m 8 -u "me:$TOKEN" https://api.test/body',
    sees: BASE64_OF_PLACEHOLDER,
    arrives: /[Aa]uthorization: Basic bWU6YzRuNHJ5/,
  },
  {
    name: 'a value that comes back in a WebSocket message and its end',
    line: ({ placeholder }) =>
      overTls(
        'api.test',
        webSocket('api.test', [`Authorization: Bearer ${placeholder}`], webSocketFrame('say it')),
      ),
    sees: /you are Bearer GONDOLIN_SECRET_/,
    arrives: WITH_VALUE,
  },
  {
    name: 'a value that the server kept and shows later',
    line: () => `${ask('body')} > /dev/null; curl -sS -m 8 https://api.test/body`,
    sees: /^body: /,
    arrives: WITH_VALUE,
  },
  {
    name: 'the value in the guest itself',
    line: () =>
      'env; cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr "\\0" "\\n"; cat /etc/gondolin/* /proc/cmdline; dmesg 2>/dev/null; true',
    sees: PLACEHOLDER,
  },
];
