import { once } from 'node:events';
import { afterAll, expect, it } from 'vitest';
import type { AskAnswer, AskQuestion, OnAsk } from '../../../src/net/ask/ask-options.ts';
import { connectTcp, connectTls, readAll, request } from '../../fixtures/net/clients.ts';
import { startHttp, startHttps, startTcp } from '../../fixtures/net/servers.ts';
import {
  createTestNetwork,
  removeTestCa,
  type TestNetwork,
} from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

/** One question that waits to be answered. */
interface Open {
  readonly question: AskQuestion;
  readonly signal: AbortSignal;
  answer(answer: AskAnswer): void;
}

/** Collects questions; `next` resolves with the first one that nobody has taken. */
function questioner(): { onAsk: OnAsk; asked: AskQuestion[]; next(): Promise<Open> } {
  const asked: AskQuestion[] = [];
  const waiting: Open[] = [];
  const takers: ((open: Open) => void)[] = [];
  const onAsk: OnAsk = (question, { signal }) =>
    new Promise((answer) => {
      asked.push(question);
      const open = { question, signal, answer };
      const taker = takers.shift();
      if (taker === undefined) waiting.push(open);
      else taker(open);
    });
  const next = () => {
    const open = waiting.shift();
    return open === undefined
      ? new Promise<Open>((resolve) => takers.push(resolve))
      : Promise.resolve(open);
  };
  return { onAsk, asked, next };
}

async function get(net: TestNetwork, name: string, port: number, path = '/') {
  const socket = await connectTcp(net, name, port);
  return request(socket, { path, headers: { host: `${name}:${port}` } });
}

it('Network asks with method and URL about a host that nothing names, and holds the request', async () => {
  const port = await startHttps('api.test', (message, response) => response.end(message.url));
  const { onAsk, asked, next } = questioner();
  const net = await createTestNetwork({ onAsk });
  const socket = await connectTls(net, 'api.test', port);
  const answered = request(socket, { path: '/a?b', headers: { host: `api.test:${port}` } });
  const open = await next();
  const url = `https://api.test:${port}/a?b`;
  expect(open.question).toEqual({ host: 'api.test', port, scheme: 'https', method: 'GET', url });
  open.answer('once');
  expect(await answered).toMatchObject({ status: 200, body: '/a?b' });
  expect(await net.event('ask')).toMatchObject({ host: 'api.test', answer: 'once', by: 'answer' });
  expect(asked).toHaveLength(1);
});

it('Network asks again after once, and not after run and never', async () => {
  const port = await startHttp((_message, response) => response.end('ok'));
  const { onAsk, asked, next } = questioner();
  const net = await createTestNetwork({ onAsk });
  const statuses: number[] = [];
  for (const answer of ['once', 'run'] as const) {
    const answered = get(net, 'api.test', port);
    (await next()).answer(answer);
    statuses.push((await answered).status);
  }
  statuses.push((await get(net, 'api.test', port)).status);
  expect(statuses).toEqual([200, 200, 200]);
  const refused = get(net, 'bad.test', port);
  (await next()).answer('never');
  expect((await refused).headers['x-gondolin-refused']).toBe('not_allowed');
  expect((await get(net, 'bad.test', port)).status).toBe(403);
  expect(asked.map(({ host }) => host)).toEqual(['api.test', 'api.test', 'bad.test']);
});

it('Network makes one question of concurrent requests to a host, and bounds those of many', async () => {
  const port = await startHttp((_message, response) => response.end('ok'));
  const { onAsk, asked, next } = questioner();
  const net = await createTestNetwork({ onAsk });
  const same = [get(net, 'api.test', port), get(net, 'api.test', port)];
  const first = await next();
  const many = Array.from({ length: 12 }, (_, at) => get(net, `h${at}.test`, port));
  const opens = await Promise.all(Array.from({ length: 7 }, next));
  // Five of twelve find eight questions open: they are refused at once.
  let settled = 0;
  await new Promise<void>((resolve) => {
    for (const one of many) {
      void one.then(() => {
        settled += 1;
        if (settled === 5) resolve();
      });
    }
  });
  first.answer('once');
  for (const open of opens) open.answer('run');
  const statuses = (await Promise.all(many)).map(({ status }) => status);
  expect(statuses.toSorted()).toEqual([...Array(7).fill(200), ...Array(5).fill(403)]);
  expect((await Promise.all(same)).map(({ status }) => status)).toEqual([200, 200]);
  expect(asked).toHaveLength(8);
});

it('Network takes a late answer, a throw and another value for never, and says which', async () => {
  const port = await startHttp((_message, response) => response.end('ok'));
  const onAsk: OnAsk = ({ host }) => {
    if (host === 'throws.test') throw new Error('broken');
    if (host === 'odd.test') return 'always' as never;
    return new Promise(() => undefined);
  };
  const net = await createTestNetwork({ onAsk, askTimeoutMs: 50 });
  for (const host of ['throws.test', 'odd.test', 'late.test']) {
    expect((await get(net, host, port)).status).toBe(403);
  }
  const asks = net.events.flatMap((event) => (event.kind === 'ask' ? [event] : []));
  expect(asks.map(({ host, answer, by }) => [host, answer, by])).toEqual([
    ['throws.test', 'never', 'error'],
    ['odd.test', 'never', 'error'],
    ['late.test', 'never', 'timeout'],
  ]);
  expect(net.faults.map(({ message }) => message)).toEqual([
    'broken',
    'onAsk must return once, run or never',
  ]);
});

it('Network never asks about what is denied, private or a metadata service, nor about rules', async () => {
  const port = await startHttp((_message, response) => response.end('ok'));
  const { onAsk, asked } = questioner();
  const net = await createTestNetwork({
    onAsk,
    allow: [`rules.test:${port}`],
    policy: {
      deniedHosts: ['denied.test'],
      allowedPrivate: [],
      rules: [{ host: 'rules.test', paths: ['/open'], action: 'allow' }],
    },
  });
  for (const host of ['denied.test', '10.1.2.3', '169.254.169.254', '127.0.0.1', 'rules.test']) {
    expect((await get(net, host, port)).status, host).toBe(403);
  }
  expect(asked).toEqual([]);
});

it('Network refuses the private address of a host that was allowed by an answer', async () => {
  const { onAsk, next } = questioner();
  const net = await createTestNetwork({ onAsk, policy: { allowedPrivate: [] } });
  const answered = get(net, 'inner.test', 80);
  (await next()).answer('run');
  expect((await answered).headers['x-gondolin-refused']).toBe('private_address');
});

it('Network applies rules to a host that was allowed by an answer', async () => {
  const port = await startHttp((_message, response) => response.end('ok'));
  const { onAsk, next } = questioner();
  const rules = [{ host: 'api.test', paths: ['/closed'], action: 'deny' as const }];
  const net = await createTestNetwork({ onAsk, policy: { rules } });
  const open = get(net, 'api.test', port);
  (await next()).answer('run');
  expect((await open).status).toBe(200);
  expect((await get(net, 'api.test', port, '/closed')).headers['x-gondolin-refused']).toBe('rule');
});

it('Network asks about bytes that are neither TLS nor HTTP', async () => {
  const port = await startTcp((socket) => {
    socket.write('220 ready\n');
    socket.pipe(socket);
  });
  const { onAsk, next } = questioner();
  const net = await createTestNetwork({ onAsk });
  const socket = await connectTcp(net, 'raw.test', port);
  socket.write('HELO\n');
  const open = await next();
  const question = { host: 'raw.test', port, scheme: 'tcp', method: null, url: null };
  expect(open.question).toEqual(question);
  open.answer('once');
  expect(String((await once(socket, 'data'))[0])).toContain('220 ready\n');
});

it('Network ends questions when it is closed', async () => {
  const { onAsk, next } = questioner();
  const net = await createTestNetwork({ onAsk });
  const socket = await connectTcp(net, 'api.test', 80);
  socket.write('GET / HTTP/1.1\r\nHost: api.test\r\n\r\n');
  const { signal } = await next();
  const over = readAll(socket);
  await net.network.close();
  expect(signal.aborted).toBe(true);
  await over;
});

it('Network keeps what was allowed for the run through an update', async () => {
  const port = await startHttp((_message, response) => response.end('ok'));
  const { onAsk, next } = questioner();
  const net = await createTestNetwork({ onAsk });
  const answered = get(net, 'api.test', port);
  (await next()).answer('run');
  await answered;
  await net.network.update({ allowedHosts: ['other.test'] });
  expect((await get(net, 'api.test', port)).status).toBe(200);
  await net.network.update({ deniedHosts: ['api.test'] });
  expect((await get(net, 'api.test', port)).headers['x-gondolin-refused']).toBe('denied');
});
