import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import {
  brotliCompressSync,
  brotliDecompressSync,
  deflateSync,
  gunzipSync,
  gzipSync,
  inflateSync,
} from 'node:zlib';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { checkSecretValue } from '../../../../src/net/secret/secret-value.ts';
import { connectTls, readAll } from '../../../fixtures/net/clients.ts';
import { startHttps } from '../../../fixtures/net/servers.ts';
import { createTestNetwork, removeTestCa } from '../../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

type Answer = (response: ServerResponse, value: string, socket: Socket) => void;

const CODERS = { gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync, identity: null };

/** A body in pieces of some bytes, so that a value stands across their borders. */
function inPieces(response: ServerResponse, body: Buffer, size: number): void {
  for (let at = 0; at < body.length; at += size) response.write(body.subarray(at, at + size));
  response.end();
}

function body(coding: keyof typeof CODERS, size: number): Answer {
  return (response, value) => {
    const coder = CODERS[coding];
    const plain = Buffer.from(
      `{"a":${JSON.stringify(value)}} ${encodeURIComponent(value)} ${value}`,
    );
    if (coder !== null) response.setHeader('content-encoding', coding);
    inPieces(response, coder === null ? plain : coder(plain), size);
  };
}

function raw(text: (value: string) => string): Answer {
  return (_response, value, socket) => socket.end(text(value));
}

/** What a server can do with a value that it was given. */
const ANSWERS: Readonly<Record<string, Answer>> = {
  'a header': (response, value) => response.setHeader('x-echo', `a ${value} b`).end(),
  'Basic credentials': (response, value) => {
    const text = Buffer.from(`user:${value}`).toString('base64');
    response.setHeader('www-authenticate', `Basic ${text}`).writeHead(401).end();
  },
  'a cookie': (response, value) => response.setHeader('set-cookie', `${value}=${value}`).end(),
  'a redirect': (response, value) => {
    response.writeHead(302, { location: `https://x.test/?a=${encodeURIComponent(value)}` }).end();
  },
  'the words after the status': (response, value) => response.writeHead(200, `OK ${value}`).end(),
  'a trailer': (response, value) => {
    response.setHeader('trailer', 'x-end');
    response.write('body');
    response.addTrailers({ 'x-end': value });
    response.end();
  },
  'an early hint': (response, value) => {
    response.writeEarlyHints({ link: '</a>; rel=preload', 'x-early': value });
    response.end('late');
  },
  'a body': body('identity', 1000),
  'a body in single bytes': body('identity', 1),
  'a body in gzip': body('gzip', 7),
  'a body in br': body('br', 5),
  'a body in deflate': body('deflate', 3),
  'a coding that is a lie': (response, value) => {
    response.setHeader('content-encoding', 'gzip').end(value);
  },
  'a coding that is unknown': (response, value) => {
    response.setHeader('content-encoding', value.replaceAll(/[^a-z]/gi, 'x')).end(value);
  },
  'a head that is no HTTP': raw((value) => `HTTP/1.1 200 OK\r\n${value} ${value}\r\n\r\n`),
  'no HTTP at all': raw((value) => `${value}\r\n${value}`),
  'half a body': raw((value) => `HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n${value}`),
  'a chunk that is none': raw(
    (value) => `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${value}\r\n${value}\r\n`,
  ),
};

/** The body of an answer out of its chunks, and out of whatever coding it may be in. */
function bodiesOf(text: string): string[] {
  const at = text.indexOf('\r\n\r\n');
  const plain = text.slice(at + 4).replaceAll(/(?:^|\r\n)[\da-f]+\r\n(?:\r\n$)?/gi, '');
  const bytes = Buffer.from(plain, 'latin1');
  const opened = [gunzipSync, brotliDecompressSync, inflateSync].map((open) => {
    try {
      return open(bytes).toString();
    } catch {
      // Not in this coding.
      return '';
    }
  });
  return [plain, ...opened];
}

/** All that a person or a program could read in it, decoded too. */
function readings(text: string): string[] {
  const decoded = text.replaceAll(/(?:%[\da-f]{2})+/gi, (run) =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString(),
  );
  const base64 = [...text.matchAll(/[A-Za-z0-9+/_-]{12,}={0,2}/g)].map(([run]) =>
    Buffer.from(run, 'base64').toString(),
  );
  return [text, decoded, ...base64];
}

/** A header carries it, and it is no text of the test's own by chance. */
const VALUES = fc
  .string({ minLength: 12, maxLength: 60, unit: 'grapheme-ascii' })
  .filter((value) => value === value.trim() && !/^[\w ]*$/.test(value));

it.each(Object.entries(ANSWERS))(
  'Network tells nobody the value of a secret that a server gives back in %s',
  async (_place, answer) => {
    const [value = ''] = fc.sample(VALUES, 1);
    const port = await startHttps('api.test', (message: IncomingMessage, response) => {
      expect(message.headers['x-token']).toBe(value);
      answer(response, value, message.socket);
    });
    const host = `api.test:${port}`;
    const secrets = [{ name: 'TOKEN', hosts: [host], value: checkSecretValue('TOKEN', value) }];
    const net = await createTestNetwork({ allow: [host], secrets });
    const socket = await connectTls(net, 'api.test', port);
    const read = readAll(socket);
    const placeholder = net.network.placeholders['TOKEN'] ?? '';
    socket.write(
      `GET / HTTP/1.1\r\nhost: ${host}\r\nx-token: ${placeholder}\r\nconnection: close\r\n\r\n`,
    );
    const { text } = await read;
    await net.event('response');
    const told = [
      ...[text, ...text.split(/\r?\n/), ...bodiesOf(text)],
      ...net.events.map((event) => JSON.stringify(event)),
      ...net.faults.map((fault) => `${fault.stack} ${String(fault.cause)}`),
    ];
    const forms = [value, JSON.stringify(value).slice(1, -1)];
    const telling = told
      .flatMap(readings)
      .filter((one) => forms.some((form) => one.includes(form)));
    expect(telling, JSON.stringify(value)).toEqual([]);
  },
);
