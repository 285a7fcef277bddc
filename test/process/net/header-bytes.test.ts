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

/** Values as bytes, one character each: UTF-8, and latin-1 that is no UTF-8. */
const UTF8 = Buffer.from('attachment; filename="naïve €.txt"').toString('latin1');
const LATIN1 = 'attachment; filename="na\xefve.txt"';
const LENGTH = ['Content-Length', '2'] as const;
type Order = readonly (readonly [string, string])[];

const ORDERS: readonly Order[] = [
  [['Content-Disposition', UTF8], LENGTH, ['X-Name', LATIN1]],
  [LENGTH, ['X-Name', UTF8], ['Content-Disposition', LATIN1]],
  [
    ['X-Name', LATIN1],
    ['Content-Disposition', UTF8],
  ],
];
/** A guest that speaks HTTP/1.1 is carried to its server by HTTP/1.1. */
const WAYS = [
  ['http/1.1', 'http/1.1'],
  ['h2', 'http/1.1'],
  ['h2', 'h2'],
] as const;
const CASES = WAYS.flatMap(([guest, server]) =>
  ORDERS.flatMap((order, at) =>
    ['at once', 'late'].map((body) => ({ guest, server, order, at, body })),
  ),
);

/** Sends the head, and the body when `body` resolves. */
interface Reply {
  readonly order: Order;
  readonly body: Promise<void>;
  asked(name: string): void;
}

function startHttp1(reply: Reply): Promise<number> {
  return startRawTls('http/1.1', (socket) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const name = /^x-name: (.*)\r\n[\s\S]*\r\n0\r\n\r\n$/im.exec(text)?.[1];
      if (name === undefined) return;
      reply.asked(name);
      const head = reply.order.map(([field, value]) => `${field}: ${value}\r\n`).join('');
      socket.write(`HTTP/1.1 200 OK\r\nConnection: close\r\n${head}\r\n`, 'latin1');
      void reply.body.then(() => socket.end('ok'));
    });
  });
}

function startSecond(reply: Reply): Promise<number> {
  return startHttp2('api.test', (stream, headers) => {
    reply.asked(String(headers['x-name']));
    const fields = reply.order.map(([field, value]) => [field.toLowerCase(), value] as const);
    stream.respond({ ':status': 200, ...Object.fromEntries(fields) });
    void reply.body.then(() => stream.end('ok'));
  });
}

/** Posts a body with a field, and gives the values of the answer. `onHead`: its head has come. */
async function askHttp1(net: TestNetwork, port: number, name: string, onHead: () => void) {
  const socket = await connectTls(net, 'api.test', port);
  socket.once('data', onHead);
  const answer = readAll(socket);
  const head = `POST / HTTP/1.1\r\nHost: api.test:${port}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n`;
  socket.write(`${head}X-Name: ${name}\r\n\r\n2\r\nhi\r\n0\r\n\r\n`, 'latin1');
  const { text } = await answer;
  const value = (field: string) => new RegExp(`^${field}: (.*)\r$`, 'im').exec(text)?.[1];
  return {
    status: text.slice(9, 12),
    fields: { 'x-name': value('X-Name'), 'content-disposition': value('Content-Disposition') },
  };
}

async function askHttp2(net: TestNetwork, port: number, name: string, onHead: () => void) {
  const session = await connectHttp2(net, 'api.test', port);
  const stream = session.request({ ':path': '/', ':method': 'POST', 'x-name': name });
  stream.end('hi');
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  onHead();
  await once(stream.resume(), 'close');
  return {
    status: String(headers[':status']),
    fields: {
      'x-name': headers['x-name'],
      'content-disposition': headers['content-disposition'],
    },
  };
}

it.each(CASES)(
  'Network carries the bytes of fields from $guest to $server and back in order $at, with the body $body',
  async ({ guest, server, order, body }) => {
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    if (body === 'at once') release();
    const asked: string[] = [];
    const reply: Reply = { order, body: released, asked: (name) => asked.push(name) };
    const port = await (server === 'h2' ? startSecond : startHttp1)(reply);
    const net = await createTestNetwork({ allow: [`api.test:${port}`] });
    const ask = guest === 'h2' ? askHttp2 : askHttp1;
    for (const name of [UTF8, LATIN1]) {
      const { status, fields } = await ask(net, port, name, release);
      expect(status).toBe('200');
      expect(fields).toEqual(
        Object.fromEntries(
          order
            .filter(([field]) => field !== 'Content-Length')
            .map(([field, value]) => [field.toLowerCase(), value]),
        ),
      );
    }
    expect(asked).toEqual([UTF8, LATIN1]);
  },
);
