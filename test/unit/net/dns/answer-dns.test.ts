import * as dns from 'dns-packet';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type AnswerDnsOptions, answerDns } from '../../../../src/net/dns/answer-dns.ts';
import { SyntheticAddresses } from '../../../../src/net/dns/synthetic-addresses.ts';
import { compilePolicy } from '../../../../src/net/policy/compile-policy.ts';

const policy = compilePolicy({
  mode: 'allowlist',
  allowedHosts: ['api.example.com', '*.cdn.test', 'db:5432/tcp'],
  deniedHosts: ['stats.test'],
  rules: [],
  blockPrivateIps: true,
  allowedPrivate: [],
});
const closed = compilePolicy({
  mode: 'none',
  allowedHosts: [],
  deniedHosts: [],
  rules: [],
  blockPrivateIps: true,
  allowedPrivate: [],
});

const EDNS: dns.Answer = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: 1_232,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
};

interface Ask {
  readonly type?: string;
  readonly className?: string;
  readonly hasEdns?: boolean;
  readonly flags?: number;
  readonly options?: AnswerDnsOptions;
  readonly pool?: SyntheticAddresses;
  readonly isClosed?: boolean;
}

function query(
  name: string,
  { type = 'A', className = 'IN', hasEdns = false, flags = dns.RECURSION_DESIRED }: Ask,
): Buffer {
  const question = { name, type: type as 'A', class: className as 'IN' };
  return dns.encode({
    type: 'query',
    id: 0x1234,
    flags,
    questions: [question],
    additionals: hasEdns ? [EDNS] : [],
  });
}

interface Reply extends dns.DecodedPacket {
  readonly rcode: string;
  readonly opcode: string;
}

function decode(bytes: Buffer | null): Reply {
  if (bytes === null) throw new Error('no answer');
  return dns.decode(bytes) as Reply;
}

async function ask(name: string, how: Ask = {}): Promise<Reply> {
  const pool = how.pool ?? new SyntheticAddresses();
  return decode(
    await answerDns(query(name, how), how.isClosed ? closed : policy, pool, how.options),
  );
}

const dataOf = (reply: Reply) =>
  (reply.answers ?? []).map((answer) => ('data' in answer ? answer.data : null));

/** Code and text of the extended DNS error. */
function explanationOf(reply: Reply): string | null {
  const option = reply.additionals?.find((record): record is dns.OptAnswer => record.type === 'OPT')
    ?.options[0];
  const data = option && 'data' in option ? option.data : undefined;
  return data ? `${data.readUInt16BE(0)} ${data.subarray(2).toString()}` : null;
}

it('A and AAAA give the pair of the pool', async () => {
  const pool = new SyntheticAddresses();
  const { v4, v6 } = pool.addressesFor('api.example.com');
  const a = await ask('api.example.com', { pool });
  expect(dataOf(a)).toEqual([v4]);
  expect(a).toMatchObject({
    id: 0x1234,
    rcode: 'NOERROR',
    flag_qr: true,
    flag_rd: true,
    flag_ra: true,
    flag_aa: false,
    flag_tc: false,
    flag_ad: false,
  });
  expect(dataOf(await ask('api.example.com', { pool, type: 'AAAA' }))).toEqual([v6]);
  expect(dataOf(await ask('api.example.com', { pool, type: 'ANY' }))).toEqual([v4, v6]);
});

it.each(['api.example.com', 'API.eXample.cOm', 'x.CDN.test', 'db'])(
  'the case of %s comes back in question and answer, and the address is the same for every case',
  async (name) => {
    const pool = new SyntheticAddresses();
    const reply = await ask(name, { pool });
    expect(reply.questions?.[0]?.name).toBe(name);
    expect(reply.answers?.[0]).toMatchObject({
      name,
      ttl: 60,
      data: pool.addressesFor(name.toLowerCase()).v4,
    });
  },
);

it.each([
  'TXT',
  'MX',
  'SRV',
  'NS',
  'SOA',
  'CNAME',
  'CAA',
  'NAPTR',
  'DS',
  'DNSKEY',
  'TLSA',
  'PTR',
  'UNKNOWN_64',
  'UNKNOWN_65',
  'UNKNOWN_999',
])('%s of an allowed name is an empty answer that may be remembered for 5 s', async (type) => {
  const reply = await ask('api.example.com', { type });
  expect(reply.rcode).toBe('NOERROR');
  expect(reply.answers).toEqual([]);
  expect(reply.authorities?.[0]).toMatchObject({ type: 'SOA', ttl: 5 });
});

it.each(['AXFR', 'IXFR', 'TKEY'])('%s is refused', async (type) => {
  expect((await ask('api.example.com', { type })).rcode).toBe('REFUSED');
});

it.each(['CH', 'HS', 'ANY'])('class %s is refused', async (className) => {
  expect((await ask('version.bind', { type: 'TXT', className })).rcode).toBe('REFUSED');
});

it.each(['other.test', 'example.com', 'a.b.cdn.test', 'stats.test'])(
  'the denied name %s gets an address by default, so that its connection can be refused in words',
  async (name) => {
    const pool = new SyntheticAddresses();
    const reply = await ask(name, { pool, hasEdns: true });
    expect(reply.rcode).toBe('NOERROR');
    expect(pool.findName(String(dataOf(reply)[0]))).toBe(name);
    expect(explanationOf(reply)).toMatch(/^15 gondolin: (not_allowed|denied) by /);
  },
);

it.each([
  [
    'other.test',
    '15 gondolin: not_allowed by allowed_hosts: no entry covers it; to change it: allowed_hosts: ["other.test"]',
  ],
  [
    'stats.test',
    '15 gondolin: denied by denied_hosts: "stats.test"; to change it: remove "stats.test" from denied_hosts',
  ],
])(
  'with deniedNames refuse, %s is NXDOMAIN and the reason goes to clients with EDNS',
  async (name, text) => {
    const pool = new SyntheticAddresses();
    const options = { deniedNames: 'refuse' } as const;
    const reply = await ask(name, { hasEdns: true, options, pool });
    expect(reply.rcode).toBe('NXDOMAIN');
    expect(explanationOf(reply)).toBe(text);
    expect(pool.names).toEqual([]);
    const plain = await ask(name, { options });
    expect(plain.rcode).toBe('NXDOMAIN');
    expect(plain.additionals).toEqual([]);
  },
);

it('mode none refuses every name, as prohibited', async () => {
  const reply = await ask('api.example.com', { isClosed: true, hasEdns: true });
  expect(reply.rcode).toBe('NXDOMAIN');
  expect(explanationOf(reply)).toMatch(/^18 gondolin: mode_none by mode: none/);
});

it.each([
  ['localhost', 'A', ['127.0.0.1']],
  ['LOCALHOST', 'AAAA', ['::1']],
  ['app.localhost', 'A', ['127.0.0.1']],
  ['localhost', 'MX', []],
])('%s %s is the guest itself, whatever the policy', async (name, type, want) => {
  const reply = await ask(name, { type, isClosed: true });
  expect(reply.rcode).toBe('NOERROR');
  expect(dataOf(reply)).toEqual(want);
});

it.each([
  'use-application-dns.net',
  'ipv4only.arpa',
  '_dns.resolver.arpa',
  'x.onion',
  'a.invalid',
  '127.0.0.1',
  '1',
  '0x7f.1',
  'a b.test',
  `${'a'.repeat(63)}-.test`,
])('%s never exists, in mode open either', async (name) => {
  const open = compilePolicy({
    mode: 'open',
    allowedHosts: [],
    deniedHosts: [],
    rules: [],
    blockPrivateIps: true,
    allowedPrivate: [],
  });
  const pool = new SyntheticAddresses();
  const reply = decode(await answerDns(query(name, {}), open, pool));
  expect(['NXDOMAIN', 'FORMERR']).toContain(reply.rcode);
  expect(pool.names).toEqual([]);
});

it('the root exists and has nothing', async () => {
  const reply = await ask('.', { type: 'NS' });
  expect(reply.rcode).toBe('NOERROR');
  expect(reply.answers).toEqual([]);
});

it('PTR of a made-up address gives its name, in both families', async () => {
  const pool = new SyntheticAddresses();
  const { v4, v6 } = pool.addressesFor('api.example.com');
  const reverse4 = `${v4.split('.').reverse().join('.')}.in-addr.arpa`;
  const low = (v6.split('::')[1] ?? '')
    .split(':')
    .map((group) => group.padStart(4, '0'))
    .join('');
  const digits = `fd676f6e646f${'0'.repeat(12)}${low}`;
  const reverse6 = `${digits.split('').reverse().join('.')}.IP6.arpa`;
  expect(dataOf(await ask(reverse4, { pool, type: 'PTR' }))).toEqual(['api.example.com']);
  expect(dataOf(await ask(reverse6, { pool, type: 'PTR' }))).toEqual(['api.example.com']);
  expect(dataOf(await ask('1.0.0.127.in-addr.arpa', { pool, type: 'PTR' }))).toEqual(['localhost']);
  expect((await ask(reverse4, { pool, type: 'A' })).rcode).toBe('NOERROR');
});

it.each([
  '8.8.8.8.in-addr.arpa',
  '256.1.1.1.in-addr.arpa',
  '1.1.in-addr.arpa',
  'in-addr.arpa',
  'x.ip6.arpa',
  '1.0.18.198.in-addr.arpa',
])('PTR of %s is NXDOMAIN', async (name) => {
  expect((await ask(name, { type: 'PTR' })).rcode).toBe('NXDOMAIN');
});

it('onQuestion hears each judged question once', async () => {
  const heard: string[] = [];
  const options: AnswerDnsOptions = {
    onQuestion: ({ name, type, verdict }) => heard.push(`${name} ${type} ${verdict.isAllowed}`),
  };
  await ask('API.example.com', { options });
  await ask('other.test', { options, type: 'AAAA' });
  await ask('localhost', { options });
  expect(heard).toEqual(['api.example.com A true', 'other.test AAAA false']);
});

it('EDNS is answered with EDNS of 1,232 bytes, and only then', async () => {
  const withEdns = await ask('api.example.com', { hasEdns: true });
  expect(withEdns.additionals).toMatchObject([
    { type: 'OPT', udpPayloadSize: 1_232, ednsVersion: 0, options: [] },
  ]);
  expect((await ask('api.example.com')).additionals).toEqual([]);
});

it('an answer too long for UDP is cut with TC, and whole over TCP', async () => {
  const label = 'a'.repeat(62);
  const name = `${label}.${label}.${label}.${'b'.repeat(53)}.cdn.test`;
  const open = compilePolicy({
    mode: 'open',
    allowedHosts: [],
    deniedHosts: [],
    rules: [],
    blockPrivateIps: true,
    allowedPrivate: [],
  });
  const message = query(name, { type: 'ANY' });
  const cut = await answerDns(message, open, new SyntheticAddresses());
  expect(decode(cut)).toMatchObject({ flag_tc: true, answers: [] });
  expect(cut?.length).toBeLessThanOrEqual(512);
  const whole = decode(await answerDns(message, open, new SyntheticAddresses(), { isTcp: true }));
  expect(whole).toMatchObject({ flag_tc: false });
  expect(whole.answers).toHaveLength(2);
});

it.each([
  ['nothing', Buffer.alloc(0)],
  ['11 bytes', query('api.example.com', {}).subarray(0, 11)],
  [
    'an answer',
    dns.encode({ type: 'response', id: 1, questions: [{ type: 'A', name: 'a.test' }] }),
  ],
  [
    '4,097 bytes',
    Buffer.concat([query('api.example.com', {}), Buffer.alloc(4_097)]).subarray(0, 4_097),
  ],
])('%s is dropped', async (_name, message) => {
  expect(await answerDns(message, policy, new SyntheticAddresses())).toBeNull();
});

function patched(offset: number, value: number, name = 'api.example.com'): Buffer {
  const message = Buffer.from(query(name, {}));
  message.writeUInt16BE(value, offset);
  return message;
}

/** Header, one question with these name bytes, type A, class IN. */
function rawQuestion(...nameBytes: number[]): Buffer {
  return Buffer.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...nameBytes, 0, 1, 0, 1]);
}

it.each([
  ['no question', patched(4, 0)],
  ['two questions promised', patched(4, 2)],
  ['65,535 questions promised', patched(4, 0xffff)],
  ['an answer promised', patched(6, 1)],
  ['an authority promised', patched(8, 1)],
  ['an additional promised', patched(10, 1)],
  ['65,535 additionals promised', patched(10, 0xffff)],
  ['half a question', query('api.example.com', {}).subarray(0, 20)],
  ['a header alone', patched(4, 1).subarray(0, 12)],
  ['a pointer to itself', rawQuestion(0xc0, 12)],
  ['a pointer forward', rawQuestion(0xc0, 0xff)],
  ['a pointer into the header', rawQuestion(0xc0, 0)],
  ['a loop of two pointers', rawQuestion(0xc0, 14, 0xc0, 12)],
  ['a label of a reserved kind', rawQuestion(0x41, 0x61, 0)],
  ['a label longer than the message', rawQuestion(63, 0x61, 0)],
  ['a label with a dot inside', rawQuestion(3, 0x61, 0x2e, 0x62, 0)],
  ['a label that is no UTF-8', rawQuestion(2, 0xff, 0xfe, 0)],
  [
    'a name of 256 bytes',
    rawQuestion(
      ...Array.from({ length: 4 }, () => [63, ...new Array<number>(63).fill(0x61)]).flat(),
      0,
    ),
  ],
  [
    'the class bit of mDNS',
    Buffer.concat([query('api.example.com', {}).subarray(0, -2), Buffer.from([0x80, 1])]),
  ],
])('a message with %s is FORMERR with its id and no question', async (_name, message) => {
  const reply = await answerDns(message, policy, new SyntheticAddresses());
  expect(reply).toHaveLength(12);
  expect(decode(reply)).toMatchObject({ rcode: 'FORMERR', flag_qr: true, questions: [] });
  expect(reply?.readUInt16BE(0)).toBe(message.readUInt16BE(0));
});

it('two OPT records are FORMERR, EDNS of version 1 is BADVERS', async () => {
  const question: dns.Question = { name: 'api.example.com', type: 'A' };
  const two = dns.encode({
    type: 'query',
    id: 7,
    questions: [question],
    additionals: [EDNS, EDNS],
  });
  expect(decode(await answerDns(two, policy, new SyntheticAddresses())).rcode).toBe('FORMERR');
  const next = dns.encode({
    type: 'query',
    id: 7,
    questions: [question],
    additionals: [{ ...EDNS, ednsVersion: 1 }],
  });
  const reply = decode(await answerDns(next, policy, new SyntheticAddresses()));
  expect(reply.additionals).toMatchObject([{ type: 'OPT', extendedRcode: 1 }]);
});

it.each([1, 2, 4, 5, 15])('opcode %i is NOTIMP', async (opcode) => {
  const reply = await answerDns(patched(2, opcode << 11), policy, new SyntheticAddresses());
  expect(decode(reply).rcode).toBe('NOTIMP');
});

it('random bytes and broken queries never reject, and every answer is smaller than 1,233 bytes', async () => {
  const name = fc.constantFrom('api.example.com', 'x.cdn.test', 'other.test', 'localhost');
  const broken = fc
    .tuple(
      name,
      fc.boolean(),
      fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 4 }),
      fc.nat(80),
    )
    .map(([text, hasEdns, changes, cut]) => {
      const message = Buffer.from(query(text, { hasEdns }));
      for (const [offset, value] of changes) message[offset % message.length] = value;
      return message.subarray(0, Math.max(0, message.length - (cut > 60 ? cut - 60 : 0)));
    });
  const anything = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
  const pool = new SyntheticAddresses();
  await fc.assert(
    fc.asyncProperty(fc.oneof(broken, anything), async (message) => {
      const reply = await answerDns(message, policy, pool);
      if (reply === null) return;
      expect(reply.length).toBeLessThanOrEqual(1_232);
      expect(reply.subarray(0, 2).equals(message.subarray(0, 2))).toBe(true);
      expect((reply[2] ?? 0) & 0x80).toBe(0x80);
      dns.decode(reply);
    }),
    { numRuns: 3_000 },
  );
});
