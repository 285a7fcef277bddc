import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { connectTcp, connectTls, readAll } from '../../fixtures/net/clients.ts';
import { startHttp, startHttps, startTcp } from '../../fixtures/net/servers.ts';
import { createTestNetwork, removeTestCa } from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const STARTS = [
  '',
  'GET / HTTP/1.1\r\nHost: HOST\r\n',
  'GET / HTTP/1.1\r\nHost: HOST\r\n\r\n',
  PREFACE,
  '\x16\x03\x01\x00',
  'POST / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n',
];

const input = fc.record({
  start: fc.constantFrom(...STARTS),
  pieces: fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 4 }),
  end: fc.constantFrom('end', 'reset', 'destroy'),
});

it('Network survives whatever bytes a guest sends, and keeps nothing of it', async () => {
  const plain = await startHttp((_message, response) => response.end('ok'));
  const secure = await startHttps('api.test', (_message, response) => response.end('ok'));
  const net = await createTestNetwork({ allow: [`api.test:${plain}`, `api.test:${secure}`] });
  await fc.assert(
    fc.asyncProperty(input, fc.boolean(), async ({ start, pieces, end }, isTls) => {
      const port = isTls ? secure : plain;
      const socket = isTls
        ? await connectTls(net, 'api.test', port, {
            ALPNProtocols: start === PREFACE ? ['h2'] : [],
          })
        : await connectTcp(net, 'api.test', port);
      socket.resume();
      socket.write(start.replace('HOST', `api.test:${port}`), 'latin1');
      for (const piece of pieces) socket.write(piece);
      await new Promise((resolve) => setImmediate(resolve));
      if (end === 'end') socket.end();
      else if (end === 'destroy' || isTls) socket.destroy();
      else socket.resetAndDestroy();
    }),
    { numRuns: 150 },
  );
  await expect.poll(() => net.openStreams(), { timeout: 15_000 }).toBe(0);
  expect(net.faults).toEqual([]);
});

const ANSWERS = [
  '',
  'HTTP/1.1 200 OK\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\n',
  '\0\0\0\x04\0\0\0\0\0',
];
const output = fc.record({
  start: fc.constantFrom(...ANSWERS),
  pieces: fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 3 }),
  end: fc.constantFrom('end', 'reset'),
});

it('Network survives whatever bytes a server sends, and always comes to an end with the guest', async () => {
  let script: { start: string; pieces: Uint8Array[]; end: string } = {
    start: '',
    pieces: [],
    end: 'end',
  };
  const port = await startTcp((socket) => {
    socket.once('data', () => {
      socket.write(script.start, 'latin1');
      for (const piece of script.pieces) socket.write(piece);
      if (script.end === 'end') socket.end();
      else setImmediate(() => socket.resetAndDestroy());
    });
  });
  const host = `api.test:${port}`;
  const net = await createTestNetwork({ allow: [host] });
  await fc.assert(
    fc.asyncProperty(output, async (next) => {
      script = next;
      const socket = await connectTcp(net, 'api.test', port);
      const answer = readAll(socket);
      socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      await answer;
      socket.end();
    }),
    { numRuns: 80 },
  );
  await expect.poll(() => net.openStreams(), { timeout: 15_000 }).toBe(0);
  expect(net.faults).toEqual([]);
});
