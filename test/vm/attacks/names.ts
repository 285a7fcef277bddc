import { type Attack, BROKEN, refused } from './attack.ts';
import { get, overTls, plain } from './guest-lines.ts';

const MISMATCH = refused('name_mismatch');
/** No answer: the connection was reset. */
const NOTHING = /^$|reset|failed/;
const BAD_REQUEST = /400 Bad Request|reason: protocol/;

const host = (name: string, text: string, sees = MISMATCH): Attack => ({
  name: `Host ${name}`,
  line: () => plain('plain.test', 80, get(text)),
  sees,
});

/** Server name of TLS, Host and the name of the connection: two agree, one does not. */
const pairs: readonly Attack[] = [
  {
    name: 'server name ≠ connection and Host',
    line: () => overTls('other.test', get('other.test'), { serverName: 'denied.test' }),
    sees: BROKEN,
  },
  {
    name: 'server name of another allowed host ≠ connection',
    line: () => overTls('other.test', get('api.test'), { serverName: 'api.test' }),
    sees: BROKEN,
  },
  {
    name: 'Host of another allowed host (domain fronting)',
    line: () => overTls('other.test', get('api.test')),
    sees: MISMATCH,
  },
  {
    name: 'Host of a denied host (domain fronting)',
    line: () => overTls('other.test', get('denied.test')),
    sees: MISMATCH,
  },
  {
    name: 'no server name, Host of a denied host',
    line: () => overTls('other.test', get('denied.test'), { serverName: null }),
    sees: MISMATCH,
  },
  {
    name: 'a denied connection with the server name and Host of an allowed host',
    line: () => overTls('denied.test', get('other.test'), { serverName: 'other.test' }),
    sees: BROKEN,
  },
  {
    name: 'a denied connection without a server name, Host of an allowed host',
    line: () => overTls('denied.test', get('other.test'), { serverName: null }),
    sees: refused('not_allowed'),
  },
  {
    name: 'an address without a server name, Host of an allowed host',
    line: () => overTls('203.0.113.7', get('other.test'), { serverName: null }),
    sees: refused('not_allowed'),
  },
  {
    name: 'an address with the server name of an allowed host',
    line: () => overTls('203.0.113.7', get('other.test'), { serverName: 'other.test' }),
    sees: BROKEN,
  },
  {
    name: 'a host of denied_hosts that extra_hosts names',
    line: () => 'curl -sS https://banned.test/',
    sees: refused('denied'),
  },
  {
    name: 'a passthrough host with another server name',
    line: () => overTls('pin.test', get('pin.test'), { serverName: 'api.test' }),
    sees: BROKEN,
  },
  {
    name: 'a passthrough host without a server name',
    line: () => overTls('pin.test', get('pin.test'), { serverName: null }),
    sees: BROKEN,
  },
  {
    name: 'plain HTTP to an allowed connection, Host of a denied host',
    line: () => plain('plain.test', 80, get('denied.test')),
    sees: MISMATCH,
  },
  {
    name: 'raw bytes where only HTTP is allowed',
    line: () => plain('plain.test', 80, '\x00\x01raw\r\n'),
    sees: NOTHING,
  },
  {
    name: 'raw bytes to a denied host',
    line: () => plain('denied.test', 5432, '\x00\x00\x00\x08\x04\xd2\x16\x2f'),
    sees: NOTHING,
  },
];

const spellings: readonly Attack[] = [
  host('with userinfo', 'plain.test@denied.test'),
  host('with userinfo of the denied host', 'denied.test@plain.test'),
  host('with another port', 'plain.test:8443'),
  host('with a port beyond all', 'plain.test:65979'),
  host('with two ports', 'plain.test:443:80'),
  host('with a blank in it', 'plain.test denied.test'),
  host('with a tab', 'plain.test\tdenied.test'),
  host('with a comma list', 'plain.test, denied.test'),
  host('with a path', 'plain.test/denied.test'),
  host('with a fragment', 'plain.test#denied.test'),
  host('with a backslash', 'plain.test\\.denied.test'),
  host('percent-encoded', 'plain%2etest'),
  host('with a label in front', 'denied.plain.test'),
  host('with two dots at the end', 'plain.test..'),
  host('in full-width letters of another name', 'ｄenied.test'),
  host('empty', ''),
  host('with NUL', 'plain.test\0.denied.test', BAD_REQUEST),
];

export const NAME_ATTACKS: readonly Attack[] = [...pairs, ...spellings];
