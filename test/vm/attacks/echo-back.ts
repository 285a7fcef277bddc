import type { IncomingMessage, ServerResponse } from 'node:http';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';

type Answer = (response: ServerResponse, value: string, message: IncomingMessage) => void;

const encoded =
  (coding: string, encode: (bytes: Buffer) => Buffer): Answer =>
  (response, value) => {
    response.setHeader('content-encoding', coding);
    response.end(encode(Buffer.from(`coded: ${value}\n`)));
  };

/** What a server does that was sent a credential: by path, each shows it in another place. */
const ANSWERS: Readonly<Record<string, Answer>> = {
  '/header': (response, value) => response.setHeader('x-echo', value).end('ok\n'),
  '/header-name': (response, value) => {
    response.setHeader(`x-${Buffer.from(value).toString('hex')}`, '1').end('ok\n');
  },
  '/body': (response, value) => response.end(`body: ${value}\n`),
  '/gzip': encoded('gzip', gzipSync),
  '/deflate': encoded('deflate', deflateSync),
  '/br': encoded('br', brotliCompressSync),
  '/gzip-twice': encoded('gzip, gzip', (bytes) => gzipSync(gzipSync(bytes))),
  '/chunks': (response, value) => {
    const letters = [...`pieces: ${value}\n`];
    const next = (): void => {
      const letter = letters.shift();
      if (letter === undefined) response.end();
      else response.write(letter, () => setImmediate(next));
    };
    next();
  },
  '/base64': (response, value) => {
    const forms = ['', 'a', 'ab'].map((before) =>
      Buffer.from(`${before}${value}`).toString('base64'),
    );
    response.end(`${forms.join('\n')}\n`);
  },
  '/base64url': (response, value) =>
    response.end(`${Buffer.from(`id:${value}:end`).toString('base64url')}\n`),
  '/hex': (response, value) => response.end(`${Buffer.from(value).toString('hex')}\n`),
  '/json': (response, value) =>
    response.end(JSON.stringify({ inner: JSON.stringify({ token: value }) })),
  '/percent': (response, value) =>
    response.end(
      `${encodeURIComponent(value)}\n${encodeURIComponent(encodeURIComponent(value))}\n`,
    ),
  '/html': (response, value) => response.end(value.replace(/[&<>"'/]/g, entity)),
  '/error': (response, value) => {
    response.statusCode = 500;
    response.end(`<h1>no such token ${value}</h1>`);
  },
  '/reason': (response, value) => response.writeHead(403, `bad ${value}`).end('ok\n'),
  '/redirect': (response, value) => {
    const location = `https://other.test/?token=${encodeURIComponent(value)}`;
    response.writeHead(302, { location }).end();
  },
  '/cookie': (response, value) =>
    response.setHeader('set-cookie', `sid=${encodeURIComponent(value)}; Path=/`).end('ok\n'),
  '/trailer': (response, value) => {
    response.writeHead(200, { trailer: 'x-last' });
    response.write('ok\n');
    response.addTrailers({ 'x-last': value });
    response.end();
  },
  '/hints': (response, value) => {
    response.writeEarlyHints({ link: `</${encodeURIComponent(value)}>; rel=preload` });
    response.end('ok\n');
  },
  '/range': (response, value, message) => {
    const [, from = '0'] = /bytes=(\d+)-/.exec(message.headers.range ?? '') ?? [];
    response.end(value.slice(Number(from)));
  },
  '/bomb': (response) => {
    response.setHeader('content-encoding', 'gzip');
    response.end(gzipSync(Buffer.alloc(16 * 2 ** 20)));
  },
  '/to-private': (response, _value, message) => {
    const to = new URL(message.url ?? '', 'https://api.test').searchParams.get('to') ?? '';
    response.writeHead(307, { location: to }).end();
  },
  '/split': (response) => {
    response.socket?.end('HTTP/1.1 200 OK\r\nX-A: 1\rX-Evil: 1\r\nContent-Length: 3\r\n\r\nok\n');
  },
  '/two-answers': (response) => {
    response.socket?.end(
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nPOISON\n',
    );
  },
  '/endless-header': (response) => {
    const { socket } = response;
    const more = (): void => {
      if (socket?.writable === true)
        socket.write(`X-More: ${'m'.repeat(8000)}\r\n`, () => setImmediate(more));
    };
    socket?.write('HTTP/1.1 200 OK\r\n');
    more();
  },
};

/** Answers by path; the credential is what `authorization` holds after its scheme. */
export function echoBack(message: IncomingMessage, response: ServerResponse): void {
  const [path = ''] = (message.url ?? '').split('?');
  const value = (message.headers.authorization ?? '').replace(/^Bearer /, '');
  const answer = ANSWERS[path];
  const finish = answer ?? (() => response.end(`api saw ${message.method} ${message.url}\n`));
  message.on('end', () => finish(response, value, message)).resume();
}

function entity(letter: string): string {
  return `&#${letter.charCodeAt(0)};`;
}
