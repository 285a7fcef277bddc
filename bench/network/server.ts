/**
 * The HTTPS server of the network benches, a process of its own: `/small`, `/bytes/N`, `/broken/N` (a reset after N bytes
 * of twice as many) and `POST` anywhere, answered with the count and the SHA-256 of what came.
 * Speaks to its parent: takes `{ certificates }`, says `{ ports }` in their order.
 */

import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

const BLOCK = Buffer.alloc(256 * 1024, 'gondolin-');

/** Bytes N of the answers, so that the reader can tell whether they are right. */
export function patternHash(bytes: number): string {
  const hash = createHash('sha256');
  for (let left = bytes; left > 0; left -= BLOCK.length) hash.update(BLOCK.subarray(0, left));
  return hash.digest('hex');
}

function send(response: ServerResponse, bytes: number, onEnd: () => void): void {
  let left = bytes;
  const more = () => {
    while (left > 0) {
      const part = BLOCK.subarray(0, left);
      left -= part.length;
      if (!response.write(part)) {
        response.once('drain', more);
        return;
      }
    }
    onEnd();
  };
  more();
}

function receive(request: IncomingMessage, response: ServerResponse): void {
  const hash = createHash('sha256');
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    hash.update(chunk);
  });
  request.on('end', () => response.end(`${bytes} ${hash.digest('hex')}\n`));
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  if (request.method === 'POST') {
    receive(request, response);
    return;
  }
  const [, what, count] = (request.url ?? '').split(/[/?]/);
  const bytes = Number(count ?? 0);
  if (what === 'bytes') {
    response.writeHead(200, { 'content-length': bytes });
    send(response, bytes, () => response.end());
  } else if (what === 'broken') {
    response.writeHead(200, { 'content-length': 2 * bytes });
    send(response, bytes, () => response.write('', () => response.socket?.resetAndDestroy()));
  } else response.end('a small answer\n');
}

function listen({ cert, key }: Certificate): Promise<number> {
  const server = createServer({ cert, key, keepAliveTimeout: 120_000 }, answer);
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

process.once('message', async ({ certificates }: { certificates: readonly Certificate[] }) => {
  process.send?.({ ports: await Promise.all(certificates.map(listen)) });
});
process.once('disconnect', () => process.exit(0));
