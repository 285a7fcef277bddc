/**
 * The HTTPS server of the network benches, a process of its own: `/small`, `/bytes/N`, and `POST` anywhere, answered with
 * the count and the SHA-256 of what came (to `/slow/MS`: read slowly so long).
 * Speaks to its parent: takes `{ certificates }`, says `{ ports }` in their order.
 */

import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { BLOCK } from './pattern.ts';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

const SLOW_PAUSE_MS = 250;

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

/** Reads slowly for some time, then as fast as it can. */
async function receiveSlowly(
  request: IncomingMessage,
  response: ServerResponse,
  forMs: number,
): Promise<void> {
  const slowUntil = Date.now() + forMs;
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    hash.update(chunk as Buffer);
    if (Date.now() < slowUntil) await wait(SLOW_PAUSE_MS);
  }
  response.end(`${bytes} ${hash.digest('hex')}\n`);
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const [, what, count] = (request.url ?? '').split(/[/?]/);
  if (request.method === 'POST') {
    if (what === 'slow') void receiveSlowly(request, response, Number(count));
    else receive(request, response);
    return;
  }
  const bytes = Number(count ?? 0);
  if (what === 'bytes') {
    response.writeHead(200, { 'content-length': bytes });
    send(response, bytes, () => response.end());
  } else response.end('a small answer\n');
}

function listen({ cert, key }: Certificate): Promise<number> {
  const server = createServer({ cert, key, keepAliveTimeout: 120_000 }, answer);
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

async function serve(certificates: readonly Certificate[]): Promise<void> {
  process.send?.({ ports: await Promise.all(certificates.map(listen)) });
}

process.once('message', (asked: { certificates: readonly Certificate[] }) => {
  void serve(asked.certificates);
});
process.once('disconnect', () => process.exit(0));
