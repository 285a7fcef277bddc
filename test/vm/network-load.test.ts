import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resolveDirectories } from '../../src/host/directories.ts';
import { GuestNetwork } from '../../src/vm/guest-network.ts';
import { type AcquiredImage, resolveImage } from '../../src/vm/resolve-image.ts';
import { type RunningGuest, startGuest } from '../../src/vm/start/start.ts';
import { IS_FULL_LOAD } from '../fixtures/full-load.ts';
import { serverCa } from '../fixtures/net/server-ca.ts';
import { WORKLOAD_MACHINE } from '../fixtures/workload-image.ts';

const MIB = 2 ** 20;
const CONNECTIONS = IS_FULL_LOAD ? 500 : 50;
const REQUESTS = IS_FULL_LOAD ? 2_000 : 200;
/** What the guest's and the host's sockets, TLS, HTTP and the mux stream may hold when a side stops. */
const IN_FLIGHT_BYTES = 16 * MIB;
/** Beyond the bytes in flight: code that is compiled, garbage that is not collected yet. */
const MEMORY_SLACK_BYTES = 96 * MIB;
const BLOCK = Buffer.alloc(256 * 1024, 'gondolin-');

const sockets = new Set<Socket>();
/** Answers that wait for the last of CONNECTIONS. */
const gathered: http.ServerResponse[] = [];
/** Bytes of the running answer that the server's socket has taken. */
let written = 0;
/** The upload that the server does not read yet. */
let held: http.IncomingMessage | null = null;
let image: AcquiredImage;
let guest: RunningGuest;
let network: GuestNetwork;
let servers: Server[] = [];
let port = 0;

function send(response: http.ServerResponse, bytes: number, onEnd: () => void): void {
  while (written < bytes) {
    const part = BLOCK.subarray(0, bytes - written);
    written += part.length;
    if (!response.write(part)) {
      response.once('drain', () => send(response, bytes, onEnd));
      return;
    }
  }
  onEnd();
}

function gather(response: http.ServerResponse): void {
  gathered.push(response);
  if (gathered.length < CONNECTIONS) return;
  for (const each of gathered.splice(0)) each.end('together\n');
}

async function count(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    hash.update(chunk as Buffer);
  }
  response.end(`${bytes} ${hash.digest('hex')}`);
}

function answer(request: http.IncomingMessage, response: http.ServerResponse): void {
  const [, what, argument] = (request.url ?? '').split(/[/?]/);
  const bytes = Number(argument);
  written = 0;
  if (what === 'gather') gather(response);
  else if (what === 'bytes') {
    response.writeHead(200, { 'content-length': bytes });
    send(response, bytes, () => response.end());
  } else if (what === 'broken') {
    response.writeHead(200, { 'content-length': 2 * bytes });
    send(response, bytes, () => response.write('', () => resetBelow(request.socket)));
  } else if (what === 'hold') {
    held = request.pause();
    request.once('resume', () => void count(request, response));
  } else response.end('small\n');
}

/** A reset instead of TLS's closure alert, which only the socket below TLS can give. */
function resetBelow({ remotePort }: Socket): void {
  for (const socket of sockets) if (socket.remotePort === remotePort) socket.resetAndDestroy();
}

async function listen(server: Server): Promise<number> {
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1', 1024);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

beforeAll(async () => {
  const secure = https.createServer(serverCa.issue('site.test'), answer);
  const plain = http.createServer(answer);
  servers = [secure, plain];
  port = await listen(secure);
  const plainPort = await listen(plain);
  const options = WORKLOAD_MACHINE;
  image = await resolveImage(options);
  network = await GuestNetwork.open({
    network: {
      policy: {
        ...{ mode: 'allowlist', allowedHosts: [], deniedHosts: [], rules: [] },
        ...{ blockPrivateIps: true, allowedPrivate: [] },
        extraHosts: [
          { name: 'site.test', address: '127.0.0.1', port },
          { name: 'plain.test', address: '127.0.0.1', port: plainPort },
        ],
      },
      ca: [serverCa.caPem],
    },
    caDirectory: resolveDirectories().authority,
    restored: null,
    onEvent: () => undefined,
    onWarning: () => undefined,
    log: () => undefined,
  });
  guest = await startGuest({ options, image: image.image, network, log: () => undefined });
});

afterAll(async () => {
  await guest?.machine.kill();
  await network?.close();
  await image?.release();
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
});

/** What a shell line prints, with both outputs in one. */
async function run(line: string): Promise<string> {
  const argv = ['/bin/bash', '-c', line];
  const command = await guest.agent.exec({ argv, env: { ...network.env }, stderr: 'stdout' });
  if (command.stdout === null) throw new Error('no output');
  return text(command.stdout);
}

function patternHash(bytes: number): string {
  const hash = createHash('sha256');
  for (let left = bytes; left > 0; left -= BLOCK.length) hash.update(BLOCK.subarray(0, left));
  return hash.digest('hex');
}

/** Resolves with a value once it has not moved for ten looks. */
async function standstill(look: () => number): Promise<number> {
  let last = look();
  for (let still = 0; still < 10; ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    still = look() === last && last > 0 ? still + 1 : 0;
    last = look();
  }
  return last;
}

/** Of this process, besides the channels of the guest and the listening servers. */
function openSockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;
}

it(`${CONNECTIONS} connections of the guest at once are all served`, async () => {
  const script = `
    const http = require('node:http');
    const agent = new http.Agent({ maxSockets: Infinity });
    let right = 0, wrong = 0;
    const done = () => { if (right + wrong === ${CONNECTIONS}) console.log(right, wrong); };
    for (let i = 0; i < ${CONNECTIONS}; i++) {
      http.get('http://plain.test/gather', { agent }, (response) => {
        let body = '';
        response.on('data', (chunk) => { body += chunk; });
        response.on('end', () => { body === 'together\\n' ? right++ : wrong++; done(); });
      }).on('error', (error) => { console.log(error.code); wrong++; done(); });
    }`;
  expect(await run(`node -e '${script.replaceAll("'", "'\\''")}'`)).toBe(`${CONNECTIONS} 0\n`);
});

it(`${REQUESTS} requests go over one connection`, async () => {
  const format = `-w '%{num_connects} %{http_code}\\n'`;
  const lines = await run(
    `curl -sS --http1.1 -o /dev/null ${format} 'https://site.test/small?[1-${REQUESTS}]' | sort | uniq -c`,
  );
  expect(lines.replaceAll(/ +/g, ' ')).toBe(` ${REQUESTS - 1} 0 200\n 1 1 200\n`);
});

it('a reader that stops holds the server back, and reads every byte when it goes on', async () => {
  const bytes = 48 * MIB;
  const before = process.memoryUsage.rss();
  // The file says when to go on: until then nothing takes curl's output.
  const line = `mkfifo /tmp/go; curl -sSN https://site.test/bytes/${bytes} | (read -N 1 -r first; read -r < /tmp/go; printf %s "$first"; cat) | sha256sum`;
  const reading = run(line);
  expect(await standstill(() => written)).toBeLessThan(IN_FLIGHT_BYTES);
  expect(process.memoryUsage.rss() - before).toBeLessThan(IN_FLIGHT_BYTES + MEMORY_SLACK_BYTES);
  await run('echo > /tmp/go');
  expect(await reading).toBe(`${patternHash(bytes)}  -\n`);
});

it('a server that stops reading holds the guest back, and gets every byte when it goes on', async () => {
  const bytes = 24 * MIB;
  const before = process.memoryUsage.rss();
  const writing = run(
    `head -c ${bytes} /dev/zero | tee >(wc -c > /tmp/sent) | curl -sS -T - -X POST https://site.test/hold/0`,
  );
  await expect.poll(() => held, { timeout: 20_000 }).not.toBeNull();
  await standstill(() => held?.socket.bytesRead ?? 0);
  expect(held?.socket.bytesRead).toBeLessThan(IN_FLIGHT_BYTES);
  expect(process.memoryUsage.rss() - before).toBeLessThan(IN_FLIGHT_BYTES + MEMORY_SLACK_BYTES);
  held?.resume();
  const hash = createHash('sha256').update(Buffer.alloc(bytes)).digest('hex');
  expect(await writing).toBe(`${bytes} ${hash}`);
});

it.each(['--http1.1', '--http2'])(
  'a server that resets in mid-body is an error for curl %s, after the right bytes',
  async (version) => {
    const bytes = 4 * MIB;
    const out = await run(
      `curl -sS ${version} -o /tmp/part https://site.test/broken/${bytes}; echo "exit $?"; stat -c %s /tmp/part; sha256sum < /tmp/part`,
    );
    const [, code, size, hash] = /exit (\d+)\n(\d+)\n([0-9a-f]+)/.exec(out) ?? [];
    expect(Number(code), out).toBeGreaterThan(0);
    expect(Number(size)).toBeLessThanOrEqual(bytes);
    expect(hash).toBe(patternHash(Number(size)));
  },
);

it('afterwards no stream and no socket is left', async () => {
  await expect.poll(() => guest.session.openStreams, { timeout: 10_000 }).toBeLessThanOrEqual(1);
  // Kept for four seconds for a next request.
  await expect.poll(() => sockets.size, { timeout: 15_000 }).toBe(0);
  await network.close();
  await expect.poll(openSockets, { timeout: 5_000 }).toBe(0);
});
