import type { Attack, Target } from './attack.ts';
import { BROKEN, refused } from './attack.ts';
import { get, plain } from './guest-lines.ts';
import { SPELLED } from './resolver.ts';

/** A later `-m` in `more` wins: two requests of an emulated guest take seconds on a busy machine. */
const curl = (url: string, more = '') => `curl -sS -g -m 6 ${more} '${url}'; true`;
/** The judgement of the address, or no address at all. */
const NO_ADDRESS = /reason: (private_address|NET_NAME_UNRESOLVED|NET_DIAL_FAILED)\b/;

const REDIRECTS = {
  'this host': (hostAddress: string) => `http://${hostAddress}`,
  loopback: () => 'http://127.0.0.1',
  'a denied host': () => 'https://denied.test',
  'the metadata service': () => 'http://169.254.169.254',
};

/** Names that policy allows and that lead to an address it does not. */
const byName: readonly Attack[] = [...SPELLED, 'own-mapped'].map((label) => ({
  name: `an allowed name whose address is ${label}`,
  line: ({ canaries: { port } }) => curl(`http://${label}.any.test:${port}/`),
  sees: NO_ADDRESS,
}));

function literal(
  name: string,
  host: string | ((to: Target) => string),
  sees = refused('private_address'),
): Attack {
  return {
    name,
    line: (to) => {
      const address = typeof host === 'string' ? host : host(to);
      return curl(`http://${address}:${to.canaries.port}/`);
    },
    sees,
  };
}

function octets(address: string): number[] {
  return address.split('.').map(Number);
}

function hex(address: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = octets(address);
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

function whole(address: string): number {
  return octets(address).reduce((sum, octet) => sum * 256 + octet, 0);
}

/** Addresses that the guest dials itself. */
const literals: readonly Attack[] = [
  literal('this host by its own address', ({ hostAddress }) => hostAddress),
  literal('this host in decimal', ({ hostAddress }) => String(whole(hostAddress))),
  literal('this host in hexadecimal', ({ hostAddress }) => `0x${whole(hostAddress).toString(16)}`),
  literal('this host in octal', ({ hostAddress }) =>
    octets(hostAddress)
      .map((octet) => `0${octet.toString(8)}`)
      .join('.'),
  ),
  literal(
    'this host v4-mapped',
    ({ hostAddress }) => `[::ffff:${hostAddress}]`,
    /reason: (private_address|name_mismatch)\b/,
  ),
  literal('this host v4-compatible', ({ hostAddress }) => `[::${hostAddress}]`),
  literal('this host by NAT64', ({ hostAddress }) => `[64:ff9b::${hostAddress}]`),
  literal('this host by 6to4', ({ hostAddress }) => `[2002:${hex(hostAddress)}::1]`),
  literal('the metadata service', '169.254.169.254'),
  literal('the metadata service over IPv6', '[fd00:ec2::254]'),
  literal('CGNAT', '100.64.0.1'),
  literal('a unique local address', '[fd12:3456::1]'),
  literal('a made-up address that stands for no name', '198.18.77.77', BROKEN),
  literal(
    'multicast',
    '[ff0e::1]',
    /private_address|unreachable|Failed to connect|Couldn't connect/,
  ),
];

/** Loopback is the guest's own: nothing of it ever leaves. */
const loopback: readonly Attack[] = [
  '127.0.0.1',
  '127.1',
  '0x7f.1',
  '0177.1',
  '2130706433',
  '0',
  '[::1]',
  '[::ffff:127.0.0.1]',
  'localhost',
  'a.localhost',
].map((host) => ({
  name: `loopback as ${host} is the guest's own`,
  line: ({ canaries: { port } }) => curl(`http://${host}:${port}/`),
  sees: /Failed to connect|Couldn't connect|Connection refused/,
}));

export const ADDRESS_ATTACKS: readonly Attack[] = [
  ...byName,
  ...literals,
  ...loopback,
  {
    name: 'a link-local address with its zone',
    line: ({ canaries: { port } }) => curl(`http://[fe80::1%25lo]:${port}/`),
    sees: /private_address|unreachable|Failed to connect|Couldn't connect/,
  },
  {
    name: 'a name that is rebound from an allowed address to loopback',
    // Until the addresses of the first lookup are forgotten after 5 s, both requests go to the allowed one.
    line: ({ canaries: { port } }) =>
      `${curl(`http://rebind.test:${port}/`)}; sleep 6; ${curl(`http://rebind.test:${port}/`)}`,
    sees: /^first address\n[\s\S]*reason: private_address/,
  },
  {
    name: 'a name with an allowed address between two private ones',
    line: ({ canaries: { port } }) => curl(`http://both.test:${port}/`),
    sees: /^first address\n$/,
  },
  ...['2130706433', '0x7f.1', '127.1'].map((host) => ({
    name: `Host: ${host} on a connection to an allowed server`,
    line: () => plain('plain.test', 80, get(host)),
    sees: refused('name_mismatch'),
  })),
  ...(['this host', 'loopback', 'a denied host', 'the metadata service'] as const).map(
    (to): Attack => ({
      name: `a redirect to ${to}`,
      line: ({ canaries: { port }, hostAddress }) =>
        curl(`https://api.test/to-private?to=${REDIRECTS[to](hostAddress)}:${port}/`, '-L -m 30'),
      sees: /private_address|not_allowed|Failed to connect|Couldn't connect/,
      arrives: /to-private/,
    }),
  ),
];
