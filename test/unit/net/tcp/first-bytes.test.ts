import { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readClientHello } from '../../../../src/net/tcp/client-hello.ts';
import { classifyFirstBytes } from '../../../../src/net/tcp/first-bytes.ts';

/** The ClientHello that Node's own client sends. */
function helloOf(servername: string): Promise<Buffer> {
  return new Promise((resolve) => {
    const pipe = new Duplex({
      read: () => undefined,
      write(chunk: Buffer) {
        resolve(chunk);
      },
    });
    connect({ socket: pipe, servername }).on('error', () => undefined);
  });
}

it('readClientHello() finds the server name of a real client, however the bytes are cut', async () => {
  const hello = await helloOf('Api.Example.com');
  expect(readClientHello(hello)).toEqual({
    serverName: 'api.example.com',
    hasEncryptedHello: false,
  });
  for (let length = 0; length < hello.length; length += 1) {
    expect(readClientHello(hello.subarray(0, length)), String(length)).toBe('more');
  }
});

/** A handshake message cut into so many records of equal size, the last one shorter. */
function inRecords(message: Buffer, count: number): Buffer {
  const size = Math.ceil(message.length / count);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size);
    records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 0xff]), part);
  }
  return Buffer.concat(records);
}

it('readClientHello() joins a message that comes in many records', async () => {
  const message = (await helloOf('api.test')).subarray(5);
  for (const count of [2, 7, 100]) {
    expect(readClientHello(inRecords(message, count))).toMatchObject({ serverName: 'api.test' });
  }
});

it('readClientHello() refuses a message that comes in records of one byte', async () => {
  const message = (await helloOf('api.test')).subarray(5);
  expect(readClientHello(inRecords(message, message.length))).toBe('invalid');
});

it('readClientHello() gives null when there is no server name', async () => {
  expect(readClientHello(await helloOf(''))).toMatchObject({ serverName: null });
});

it('readClientHello() refuses two server names, which two readers could read differently', async () => {
  const hello = Buffer.from(await helloOf('api.test'));
  const name = Buffer.from('api.test');
  const at = hello.indexOf(name) - 9;
  const extension = hello.subarray(at, at + 9 + name.length);
  const doubled = Buffer.concat([
    hello.subarray(0, at),
    extension,
    extension,
    hello.subarray(at + extension.length),
  ]);
  // Lengths: record, message, extensions.
  const grow = (offset: number, width: number): void => {
    doubled.writeUIntBE(doubled.readUIntBE(offset, width) + extension.length, offset, width);
  };
  const session = 5 + 4 + 34;
  const suites = session + 1 + (doubled[session] ?? 0);
  const compression = suites + 2 + doubled.readUInt16BE(suites);
  grow(3, 2);
  grow(6, 3);
  grow(compression + 1 + (doubled[compression] ?? 0), 2);
  expect(readClientHello(doubled)).toBe('invalid');
});

it('readClientHello() never throws and reads nothing beyond its bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const hello = Buffer.concat([Buffer.from([22, 3, 1]), Buffer.from(bytes)]);
      const result = readClientHello(hello);
      return result === 'more' || result === 'invalid' || typeof result === 'object';
    }),
  );
});

it.each([
  ['GET / HTTP/1.1\r\n', 'http1'],
  ['\r\nGET / HTTP/1.1\r\n', 'http1'],
  ['M-SEARCH * HTTP/1.1\r\n', 'http1'],
  ['GE', 'more'],
  ['GET', 'more'],
  ['GET ', 'more'],
  ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'http2'],
  ['PRI * HTTP/2.0\r\n', 'more'],
  ['PRIVMSG x', 'http1'],
  ['SSH-2.0-OpenSSH\r\n', 'other'],
  ['get / HTTP/1.1\r\n', 'other'],
  ['\0\0\0\x08\x04\xd2\x16\x2f', 'other'],
  ['*1\r\n$4\r\nPING\r\n', 'other'],
  [`${'A'.repeat(40)} /`, 'other'],
  ['\x16\x03\x01', 'more'],
  ['\x16\x04\x01', 'other'],
])('classifyFirstBytes() takes %j for %s', (text, kind) => {
  expect(classifyFirstBytes(Buffer.from(text, 'latin1'), false).kind).toBe(kind);
});

it.each([
  ['GET / HTTP/1.1\r\n', 'http1'],
  ['\r\n\r\nGET / HTTP/1.0\n', 'http1'],
  ['GET /a b HTTP/1.1\r\nHost', 'http1'],
  ['GET / HTTP/1.1\r', 'more'],
  ['GET / HT', 'more'],
  ['AUTH x', 'more'],
  ['AUTH x\r\n', 'other'],
  ['HELO mail.test\r\nGET / HTTP/1.1\r\n', 'other'],
  ['GET / HTTP/2.0\r\n', 'other'],
  ['GET /\r\n', 'other'],
  [`GET /${'a'.repeat(20_000)}`, 'http1'],
  [`GET /${'a'.repeat(10_000)} HTTP/1.1\r\n`, 'http1'],
  [`AUTH ${'a'.repeat(10_000)}\r\n`, 'other'],
  ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'http2'],
  ['SSH-2.0-OpenSSH\r\n', 'other'],
])('classifyFirstBytes() takes %.30j for %s where raw TCP is possible', (text, kind) => {
  expect(classifyFirstBytes(Buffer.from(text, 'latin1'), true).kind).toBe(kind);
});
