import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { ReadonlyProvider } from '../../src/index.ts';
import type { MuxStream } from '../../src/mux/mux-stream.ts';
import { STREAM_KIND } from '../../src/protocol/constants.ts';
import { DnsRecordDecoder, encodeDnsRecord } from '../../src/protocol/dns-records.ts';
import { decodeTcpDestination } from '../../src/protocol/tcp-destination.ts';
import { connectTo } from '../../src/vm/connect.ts';
import { type AcquiredImage, resolveImage } from '../../src/vm/resolve-image.ts';
import { type RunningGuest, startGuest } from '../../src/vm/start/start.ts';
import { IS_FULL_LOAD } from '../fixtures/full-load.ts';

const PROGRAMS = resolve(import.meta.dirname, '../../guest/build/test');
const MIB = 2 ** 20;

/** What this host does with a connection, by its port. */
const ECHO = 1000;
const ECHO_WITH_NAME = 1001;
const REFUSE = 1002;
const COUNT_THEN_SAY = 1003;
const SEND = 1004;
const CLOSE_ITS_HALF = 1005;
const RESET_AFTER_A_BYTE = 1006;
const FAIL = 1007;
const FAIL_ONCE = 1008;
const SAY_NOTHING = 1009;

let held: AcquiredImage;
let guest: RunningGuest;
/** Streams the guest reset, and how. */
let errors: string[] = [];
/** Names and types asked for, as `name/type`. */
let queries: string[] = [];
let areQueriesRefused = false;
/** How a connection to FAIL fails, and FAIL_ONCE the first time. */
let failure = '';
/** Connections to FAIL_ONCE and SAY_NOTHING. */
let asked: MuxStream[] = [];

function serve(stream: MuxStream, body: Buffer): void {
  const { address, port } = decodeTcpDestination(body);
  stream.on('error', (error: Error & { code?: string }) =>
    errors.push(error.code ?? error.message),
  );
  switch (port) {
    case ECHO:
      stream.pipe(stream);
      break;
    case REFUSE:
      stream.destroy();
      break;
    case COUNT_THEN_SAY:
      countThenSay(stream);
      break;
    case SEND:
      stream.once('data', (line) => sendPattern(stream, Number(String(line))));
      break;
    case CLOSE_ITS_HALF:
      stream.end('first half\n');
      stream.on('data', (chunk) => errors.push(`late: ${String(chunk)}`));
      break;
    case FAIL:
      stream.destroy(Object.assign(new Error(failure), { code: failure }));
      break;
    case FAIL_ONCE:
      asked.push(stream);
      if (asked.length === 1)
        stream.destroy(Object.assign(new Error('filtered'), { code: failure }));
      else stream.end('the second time\n');
      break;
    case SAY_NOTHING:
      asked.push(stream);
      break;
    case RESET_AFTER_A_BYTE:
      stream.once('data', () => stream.destroy());
      break;
    default:
      stream.write(`${address} ${port}\n`);
      stream.pipe(stream);
  }
}

/** Answers with the count and the hash of what came once the guest has closed its direction. */
function countThenSay(stream: MuxStream): void {
  let bytes = 0;
  const hash = createHash('md5');
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    hash.update(chunk);
  });
  stream.on('end', () => stream.end(`${bytes} ${hash.digest('hex')}\n`));
}

function sendPattern(stream: MuxStream, bytes: number): void {
  const block = Buffer.alloc(65_536, 'gondolin');
  let left = bytes;
  const more = () => {
    while (left > 0) {
      const part = block.subarray(0, Math.min(left, block.length));
      left -= part.length;
      if (!stream.write(part)) {
        stream.once('drain', more);
        return;
      }
    }
    stream.end();
  };
  more();
}

/** Answers A with 198.51.100.7 and everything else with nothing. */
function serveNames(stream: MuxStream): void {
  const decoder = new DnsRecordDecoder();
  stream.on('data', (chunk: Buffer) => {
    for (const { tag, message } of decoder.push(chunk)) {
      const reply = answer(message);
      if (areQueriesRefused) stream.destroy();
      else stream.write(encodeDnsRecord({ tag, message: reply }));
    }
  });
}

function answer(query: Buffer): Buffer {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const type = query.readUInt16BE(at + 1);
  queries.push(`${labels.join('.')}/${type}`);
  const isV4 = type === 1;
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8180, 2);
  header.writeUInt16BE(isV4 ? 1 : 0, 6);
  header.writeUInt32BE(0, 8);
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 198, 51, 100, 7]);
  return Buffer.concat([header, query.subarray(12, at + 5), isV4 ? record : Buffer.alloc(0)]);
}

beforeAll(async () => {
  const options = {
    sandbox: { rootOverlay: true },
    vfs: { mounts: { '/programs': new ReadonlyProvider(PROGRAMS) } },
  };
  held = await resolveImage(options);
  guest = await startGuest({ options, image: held.image, network: null, log: () => undefined });
  guest.session.onOpen(STREAM_KIND.TCP, serve);
  guest.session.onOpen(STREAM_KIND.DNS, serveNames);
  await guest.agent.network();
});

beforeEach(() => {
  errors = [];
  queries = [];
  asked = [];
});

afterAll(async () => {
  await guest?.machine.kill();
  await guest?.fuse?.close();
  await held?.release();
});

/** What a shell line prints, with both outputs in one. */
async function run(line: string, user = ''): Promise<string> {
  const argv = ['/bin/bash', '-c', line];
  const env = { PATH: '/programs:/usr/sbin:/usr/bin:/sbin:/bin' };
  const command = await guest.agent.exec({ argv, env, user, stderr: 'stdout' });
  if (command.stdout === null) throw new Error('no output');
  return text(command.stdout);
}

it.each([
  ['93.184.216.34', 443],
  ['169.254.169.254', 80],
  ['10.0.0.1', 65_535],
  ['10.0.2.3', 53],
  ['255.1.2.3', 1],
  ['2606:2800:220:1::1', 443],
  ['fd00::99', 22],
])('a connection to %s port %i reaches the host with its destination', async (address, port) => {
  expect(await run(`exec 3<>/dev/tcp/${address}/${port}; head -1 <&3`)).toBe(
    `${address} ${port}\n`,
  );
});

it('every user is captured, and an IPv4 address in an IPv6 socket is one', async () => {
  const line = 'exec 3<>/dev/tcp/203.0.113.1/8080; head -1 <&3; id -u';
  expect(await run(line, '65534')).toBe('203.0.113.1 8080\n65534\n');
  expect(await run('traffic both ::ffff:203.0.113.9 1000 100')).toBe('100 intact\n');
});

it('each direction of a connection ends by itself', async () => {
  const up = await run(`traffic up 203.0.113.1 ${COUNT_THEN_SAY} 3000000`);
  const hash = createHash('md5').update(Buffer.alloc(3_000_000)).digest('hex');
  expect(up).toContain(`3000000 ${hash}\n`);
  const line = `exec 3<>/dev/tcp/203.0.113.1/${CLOSE_ITS_HALF}; cat <&3; echo second half >&3; echo sent`;
  expect(await run(line)).toBe('first half\nsent\n');
  await expect.poll(() => errors).toEqual(['late: second half\n']);
});

it('a refusal and a reset of the host reset the connection, one of the guest its stream', async () => {
  expect(await run(`traffic get 203.0.113.1 ${REFUSE}`)).toBe('connect: ECONNREFUSED\n');
  const early = await run(`traffic echo 203.0.113.1 ${RESET_AFTER_A_BYTE} 5`);
  expect(early).toMatch(/^(send|recv): (ECONNRESET|EPIPE)\n$/);
  expect(await run(`traffic reset 203.0.113.1 ${ECHO}`)).toBe('reset\n');
  await expect.poll(() => errors).toEqual(['MUX_STREAM_RESET']);
});

it.each(['203.0.113.1', '2001:db8::1'])(
  'connect() to %s fails as the host says it does',
  async (address) => {
    for (const code of ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EPERM']) {
      failure = code;
      const want = code === 'EPERM' ? 'ECONNREFUSED' : code;
      expect(await run(`traffic get ${address} ${FAIL}`)).toBe(`connect: ${want}\n`);
    }
    failure = 'ECONNREFUSED';
    expect(await run(`exec 3<>/dev/tcp/${address}/${FAIL}`)).toContain('Connection refused');
  },
);

it('a connect() that the host lets time out is not answered, and is asked again with its next SYN', async () => {
  failure = 'ETIMEDOUT';
  for (const address of ['203.0.113.1', '2001:db8::1']) {
    asked = [];
    expect(await run(`traffic get ${address} ${FAIL_ONCE}`)).toBe('the second time\n');
    expect(asked).toHaveLength(2);
  }
});

it('connect() waits for the host, and one that gave up meanwhile leaves nothing behind', async () => {
  const line = `exec 3<>/dev/tcp/203.0.113.1/${SAY_NOTHING}; read -r -u 3 word; echo $word`;
  const waiting = await guest.agent.exec({ argv: ['/bin/bash', '-c', line] });
  await expect.poll(() => asked).toHaveLength(1);
  expect(asked[0]?.isAccepted).toBe(false);
  asked[0]?.end('at last\n');
  expect(waiting.stdout === null ? '' : await text(waiting.stdout)).toBe('at last\n');
  const leaving = await guest.agent.exec({ argv: ['/bin/bash', '-c', line] });
  await expect.poll(() => asked).toHaveLength(2);
  await leaving.kill(9, 'tree');
  asked[1]?.accept();
  await expect.poll(() => asked[1]?.destroyed, { timeout: 20_000 }).toBe(true);
});

it("the guest's own servers are reached on loopback and its own addresses, never from elsewhere", async () => {
  const server = guest.agent.exec({ argv: ['/programs/traffic', 'serve', '0.0.0.0', '8081'] });
  const server6 = guest.agent.exec({ argv: ['/programs/traffic', 'serve', '::', '8082'] });
  const listening = async (wanted: typeof server) => {
    const { stdout } = await wanted;
    await new Promise((ready) => stdout?.once('data', ready));
  };
  await Promise.all([listening(server), listening(server6)]);
  for (const address of ['127.0.0.1', '127.9.9.9', '10.0.2.15']) {
    expect(await run(`traffic get ${address} 8081`)).toBe('of the guest\n');
  }
  for (const address of ['::1', 'fd00::15', '127.0.0.1']) {
    expect(await run(`traffic get ${address} 8082`)).toBe('of the guest\n');
  }
  for (const [address, port] of [
    ['203.0.113.1', 8081],
    ['2001:db8::1', 8082],
  ]) {
    const line = `exec 3<>/dev/tcp/${address}/${port}; head -1 <&3`;
    expect(await run(line)).toBe(`${address} ${port}\n`);
  }
  expect(await run('traffic get 127.0.0.1 8083')).toBe('connect: ECONNREFUSED\n');
  expect(await run('traffic get 10.0.2.15 8083')).toBe('connect: ECONNREFUSED\n');
  for (const started of [server, server6]) await (await started).kill(9, 'tree');
});

/** Says who has connected, then returns what it gets, up to the end. */
const ECHO_SERVER = `$SIG{CHLD} = 'IGNORE'; $| = 1;
  my $s = IO::Socket::IP->new(LocalHost => $ARGV[0], LocalPort => $ARGV[1], Listen => 512) or die;
  print "up\n";
  while (my $c = $s->accept) {
    next if fork;
    syswrite $c, $c->peerhost . "\n";
    while (sysread $c, my $bytes, 65536) { syswrite $c, $bytes }
    exit;
  }`;

/** Starts the server and waits until it listens. */
async function startEcho(address: string, port: number) {
  const argv = ['perl', '-MIO::Socket::IP', '-e', ECHO_SERVER, address, String(port)];
  const server = await guest.agent.exec({ argv, stderr: 'stdout' });
  const [line] = server.stdout === null ? [] : await once(server.stdout, 'data');
  expect(String(line)).toBe('up\n');
  return server;
}

async function exchange(port: number, bytes: Buffer, host?: string) {
  const socket = await connectTo(guest.agent, port, host === undefined ? {} : { host });
  socket.end(bytes);
  const reply = await buffer(socket);
  const end = reply.indexOf('\n') + 1;
  return { peer: String(reply.subarray(0, end - 1)), echo: reply.subarray(end) };
}

it('connect() reaches a server of the guest on any of its addresses, which sees a loopback peer', async () => {
  const addresses = ['127.0.0.1', '::1', '10.0.2.15', 'fd00::15', '0.0.0.0', '::'];
  const servers = await Promise.all(
    addresses.map((address, index) => startEcho(address, 8090 + index)),
  );
  const ask = async (index: number, host?: string) =>
    (await exchange(8090 + index, Buffer.from('x'), host)).peer;
  const peers = await Promise.all(addresses.map((_, index) => ask(index)));
  const [v4, v6] = ['127.0.0.1', '::1'];
  expect(peers).toEqual([v4, v6, v4, v6, v4, `::ffff:${v4}`]);
  expect(await Promise.all([ask(4, '10.0.2.15'), ask(5, 'fd00::15')])).toEqual([v4, v6]);

  const data = Buffer.alloc(MIB, 'both ways and half closed ');
  const { echo } = await exchange(8094, data);
  expect(echo.equals(data)).toBe(true);
  const many = await Promise.all(
    Array.from({ length: IS_FULL_LOAD ? 40 : 12 }, (_, index) =>
      exchange(8094, Buffer.from(String(index))),
    ),
  );
  expect(many.map(({ echo: text }) => String(text))).toEqual(many.map((_, index) => String(index)));
  for (const server of servers) await server.kill(9, 'tree');
});

it.each([
  ['127.0.0.1', 'VM_CONNECT_REFUSED'],
  ['10.0.2.15', 'VM_CONNECT_REFUSED'],
  [undefined, 'VM_CONNECT_REFUSED'],
  ['203.0.113.1', 'VM_CONNECT_UNREACHABLE'],
  ['2001:db8::1', 'VM_CONNECT_UNREACHABLE'],
  ['10.0.2.3', 'VM_CONNECT_UNREACHABLE'],
  ['0.0.0.0', 'VM_CONNECT_UNREACHABLE'],
] as const)(
  'connect() to %s without a server there is %s, and no connection of the guest',
  async (host, code) => {
    const options = host === undefined ? {} : { host };
    await expect(connectTo(guest.agent, ECHO, options)).rejects.toMatchObject({ code });
  },
);

it('connect() to a server that stops accepting can be given up, and one that dies resets', async () => {
  const line =
    'socket(S, 2, 1, 0); bind(S, pack_sockaddr_in(8099, inet_aton("127.0.0.1"))); listen(S, 1);';
  const argv = ['perl', '-MSocket', '-e', `$| = 1; ${line} print "up\n"; accept(C, S); sleep`];
  const server = await guest.agent.exec({ argv, stderr: 'stdout' });
  if (server.stdout !== null) await once(server.stdout, 'data');
  const accepted = await connectTo(guest.agent, 8099, {});
  const waiting = Array.from({ length: 4 }, async () =>
    connectTo(guest.agent, 8099, { signal: AbortSignal.timeout(1_000) }),
  );
  const outcomes = await Promise.allSettled(waiting);
  const rejected = outcomes.filter(({ status }) => status === 'rejected');
  expect(rejected.length).toBeGreaterThan(0);
  for (const outcome of rejected) {
    expect(outcome).toMatchObject({ reason: { code: 'VM_CONNECT_ABORTED' } });
  }
  // Unread bytes at its death make the kernel reset the connection.
  accepted.write('unread');
  await server.kill(9, 'tree');
  await expect(buffer(accepted)).rejects.toMatchObject({ code: 'MUX_STREAM_RESET' });
  const open = outcomes.flatMap((outcome) =>
    outcome.status === 'fulfilled' ? [outcome.value] : [],
  );
  for (const socket of open) socket.destroy();
});

it('names are asked of the host, whichever server a program asks, and the answer comes from that one', async () => {
  expect(await run('cat /etc/resolv.conf')).toBe('nameserver 10.0.2.3\n');
  expect(await run('getent ahostsv4 one.example.com | head -1')).toMatch(/^198\.51\.100\.7 /);
  expect(queries).toEqual(['one.example.com/1']);
  // Connected sockets: they hear nobody but the server they asked.
  expect(await run('traffic udp 8.8.8.8 53')).toContain('answer of 42 bytes\n');
  expect(await run('traffic udp 2001:4860:4860::8888 53')).toContain('answer of 42 bytes\n');
  expect(queries.slice(1)).toEqual(['udp.test/1', 'udp.test/1']);
});

it('a host that resets the DNS stream makes queries fail at once, and is asked again by the next', async () => {
  areQueriesRefused = true;
  // A client waits 5 s for an answer that does not come.
  const startedMs = performance.now();
  expect(await run('getent ahostsv4 refused.example.com; echo $?')).toBe('2\n');
  expect(performance.now() - startedMs).toBeLessThan(5_000);
  expect(queries.length).toBeGreaterThan(0);
  areQueriesRefused = false;
  expect(await run('getent ahostsv4 again.example.com | head -1')).toMatch(/^198\.51\.100\.7 /);
});

it('other datagrams fail at once', async () => {
  for (const [address, port] of [
    ['203.0.113.1', 443],
    ['10.0.2.3', 123],
    ['2001:db8::1', 443],
  ]) {
    expect(await run(`traffic udp ${address} ${port}`)).toContain('recv: ECONNREFUSED\n');
  }
});

it('200 connections are open at once; more than 900 wait for their turn', async () => {
  expect(await run(`traffic many 203.0.113.1 ${ECHO} 200`)).toBe('200 of 200\n');
  expect(await run(`traffic many 203.0.113.1 ${ECHO} 1000`)).toBe('1000 of 1000\n');
  await expect.poll(() => guest.session.openStreams).toBeLessThan(5);
});

it('16 MiB each way at once arrive intact', async () => {
  const command = `traffic both 203.0.113.1 ${ECHO} ${16 * MIB}`;
  expect(await run(command)).toBe(`${16 * MIB} intact\n`);
  expect(await run(`traffic down 203.0.113.1 ${SEND} ${16 * MIB}`)).toContain(`${16 * MIB}\n`);
});

it('a reader that does not read holds the host back and no other connection', async () => {
  let isDrained = false;
  const blocked = new Promise<MuxStream>((opened) => {
    guest.session.onOpen(STREAM_KIND.TCP, (stream, body) => {
      if (decodeTcpDestination(body).port !== ECHO_WITH_NAME) return serve(stream, body);
      stream.on('error', () => undefined);
      opened(stream);
    });
  });
  const sleeping = await guest.agent.exec({
    argv: ['/bin/bash', '-c', `exec 3<>/dev/tcp/203.0.113.1/${ECHO_WITH_NAME}; sleep 1000`],
  });
  const stream = await blocked;
  const closed = new Promise((resolve) => stream.once('close', resolve));
  stream.write(Buffer.alloc(64 * MIB), (error) => {
    isDrained = error === null || error === undefined;
  });
  expect(await run(`traffic both 203.0.113.1 ${ECHO} ${MIB}`)).toBe(`${MIB} intact\n`);
  expect(isDrained).toBe(false);
  await sleeping.kill(9, 'tree');
  await closed;
  expect(isDrained).toBe(false);
});

it('writeFile() makes parents, sets the mode, appends, and refuses what is no file', async () => {
  const { agent } = guest;
  const path = '/var/new/deep/file';
  await agent.writeFile({ path, data: Buffer.from('one '), mode: 0o640 });
  await agent.writeFile({ path, data: Buffer.from('two\n'), append: true, mode: 0o777 });
  expect(await run(`cat ${path}; stat -c %a ${path}`)).toBe('one two\n640\n');
  const large = Buffer.alloc(5 * MIB, 'certificate\n');
  await agent.writeFile({ path, data: large, mode: 0o600 });
  const hash = createHash('md5').update(large).digest('hex');
  expect(await run(`md5sum < ${path}; stat -c %a ${path}`)).toBe(`${hash}  -\n600\n`);
  await run('mkfifo /tmp/pipe');
  for (const target of ['/tmp/pipe', '/dev/null', '/etc', '/etc/passwd/x']) {
    await expect(agent.writeFile({ path: target, data: large })).rejects.toMatchObject({
      code: 'AGENT_REQUEST_FAILED',
    });
  }
});
