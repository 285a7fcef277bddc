import { once } from 'node:events';
import type { IncomingHttpHeaders } from 'node:http2';
import { afterAll, expect, it } from 'vitest';
import { connectHttp2, connectTls, readAll } from '../../fixtures/net/clients.ts';
import { startHttp2, startRawTls } from '../../fixtures/net/servers.ts';
import {
  createTestNetwork,
  removeTestCa,
  type TestNetwork,
} from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

/** What a server does: 403 at the head; 100, then 200 after the body; or 200 after the body without a 100. */
type Manner = 'refuses' | 'invites' | 'says nothing';

/** What came to it. */
interface Seen {
  expectation: string | undefined;
  body: string;
}

function startFirst(manner: Manner, seen: Seen): Promise<number> {
  return startRawTls('http/1.1', (socket) => {
    let text = '';
    const say = (words: string) => socket.write(`HTTP/1.1 ${words}\r\n\r\n`);
    const onHead = () => {
      seen.expectation = /^expect: (.*)\r$/im.exec(text)?.[1];
      if (manner === 'refuses') say('403 Forbidden\r\nContent-Length: 0');
      if (manner === 'invites') say('100 Continue');
    };
    socket.on('data', (chunk: Buffer) => {
      const hadHead = text.includes('\r\n\r\n');
      text += chunk.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      if (!hadHead && end >= 0) onHead();
      seen.body = text.slice(end + 4);
      if (/^(?:5\r\n)?hello(?:\r\n0\r\n\r\n)?$/.test(seen.body)) say('200 OK\r\nContent-Length: 0');
    });
  });
}

function startSecond(manner: Manner, seen: Seen): Promise<number> {
  return startHttp2('api.test', (stream, headers) => {
    seen.expectation = headers.expect;
    stream.on('data', (chunk: Buffer) => {
      seen.body += chunk.toString();
    });
    if (manner === 'invites') stream.additionalHeaders({ ':status': 100 });
    if (manner === 'refuses') stream.respond({ ':status': 403 }, { endStream: true });
    else {
      // A stream that was reset ends, too.
      stream.once('end', () => {
        if (!stream.destroyed) stream.respond({ ':status': 200 }, { endStream: true });
      });
    }
  });
}

/** Puts "hello" once it is invited, or at once. @returns The statuses that came. */
type Ask = (net: TestNetwork, port: number, isPatient: boolean) => Promise<number[]>;

const askFirst: Ask = async (net, port, isPatient) => {
  const socket = await connectTls(net, 'api.test', port);
  const head = `PUT / HTTP/1.1\r\nHost: api.test:${port}\r\nContent-Length: 5\r\nConnection: close\r\n`;
  const answer = readAll(socket);
  socket.write(`${head}Expect: 100-continue\r\n\r\n${isPatient ? '' : 'hello'}`);
  // Whatever the first answer is: one who was refused may send all the same.
  if (isPatient) socket.once('data', () => socket.write('hello'));
  const { text } = await answer;
  return [...text.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => Number(status));
};

const askSecond: Ask = async (net, port, isPatient) => {
  const session = await connectHttp2(net, 'api.test', port);
  const fields = { ':method': 'PUT', ':path': '/', expect: '100-continue' };
  const stream = session.request(fields);
  stream.on('error', () => undefined);
  const statuses: number[] = [];
  const note = (headers: IncomingHttpHeaders): void => {
    statuses.push(Number(headers[':status']));
    if (isPatient && !stream.writableEnded) stream.end('hello');
  };
  stream.on('headers', note).on('response', note);
  if (!isPatient) stream.end('hello');
  await once(stream.resume(), 'close');
  return statuses;
};

const WAYS = [
  { guest: 'HTTP/1.1', server: 'HTTP/1.1', ask: askFirst, start: startFirst },
  { guest: 'HTTP/2', server: 'HTTP/1.1', ask: askSecond, start: startFirst },
  { guest: 'HTTP/2', server: 'HTTP/2', ask: askSecond, start: startSecond },
];

it.each(WAYS)(
  'Network asks the server: one that refuses at the head gets no byte of the body ($guest to $server)',
  async ({ ask, start }) => {
    const seen: Seen = { expectation: undefined, body: '' };
    const port = await start('refuses', seen);
    const net = await createTestNetwork({ allow: [`api.test:${port}`] });
    expect(await ask(net, port, true)).toEqual([403]);
    const { error } = await net.event('response');
    expect(error).toBeNull();
    expect(seen).toEqual({ expectation: '100-continue', body: '' });
  },
);

it.each(WAYS)(
  'Network passes the invitation of the server on, and then the body ($guest to $server)',
  async ({ ask, start }) => {
    const seen: Seen = { expectation: undefined, body: '' };
    const port = await start('invites', seen);
    const net = await createTestNetwork({ allow: [`api.test:${port}`] });
    expect(await ask(net, port, true)).toEqual([100, 200]);
    expect(seen.expectation).toBe('100-continue');
    expect(seen.body).toContain('hello');
  },
);

it.each(WAYS)(
  'Network passes the body of a guest on that does not wait to be invited ($guest to $server)',
  async ({ ask, start }) => {
    const seen: Seen = { expectation: undefined, body: '' };
    const port = await start('says nothing', seen);
    const net = await createTestNetwork({ allow: [`api.test:${port}`] });
    expect(await ask(net, port, false)).toEqual([200]);
    expect(seen.body).toContain('hello');
  },
);

it('Network asks the guest for its body itself where a hook reads it', async () => {
  const seen: Seen = { expectation: undefined, body: '' };
  const port = await startFirst('says nothing', seen);
  const read: string[] = [];
  const net = await createTestNetwork({
    allow: [`api.test:${port}`],
    hooks: {
      onRequest: async (request) => {
        read.push(await request.text());
        return new Response('no', { status: 403 });
      },
    },
  });
  expect(await askFirst(net, port, true)).toEqual([100, 403]);
  expect(read).toEqual(['hello']);
  expect(seen.expectation).toBeUndefined();
});

it.each(WAYS)(
  'Network gives up a server that says nothing to a guest that waits for it ($guest to $server)',
  async ({ ask, start }) => {
    const seen: Seen = { expectation: undefined, body: '' };
    const port = await start('says nothing', seen);
    const waits = { responseStartMs: 300 };
    const net = await createTestNetwork({ allow: [`api.test:${port}`], waits });
    expect(await ask(net, port, true)).toEqual([504]);
    expect(seen).toEqual({ expectation: '100-continue', body: '' });
  },
);
