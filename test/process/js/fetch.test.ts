import { Buffer } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { SandboxNetwork } from '../../../src/js/fetch/sandbox-network.ts';
import { SandboxBuilder } from '../../../src/js/index.ts';
import type { NetworkEvent } from '../../../src/net/audit/network-event.ts';
import {
  createHttpHooks,
  type HttpHooksOptions,
} from '../../../src/net/hooks/create-http-hooks.ts';
import { startHttp, startHttps } from '../../fixtures/net/servers.ts';
import { removeTestCa, serverCa } from '../../fixtures/net/test-network.ts';
import { buildLocal, loadHandlers } from './local-sandbox.ts';

afterAll(removeTestCa);

const LIMITS = { wallClockTimeoutMs: 10_000 };

/** Runs the bodies of async handlers whose `fetch` reaches api.test and the hosts of `options`. */
async function sandboxWith(
  bodies: Readonly<Record<string, string>>,
  options: HttpHooksOptions = {},
  sizes: { inputBuffer?: number; outputBuffer?: number } = {},
) {
  const events: NetworkEvent[] = [];
  const { httpHooks } = createHttpHooks({
    extraHosts: [{ name: 'api.test', address: '127.0.0.1' }],
    ca: serverCa.caPem,
    ...options,
  });
  const onNetworkEvent = (event: NetworkEvent) => events.push(event);
  const network = new SandboxNetwork({ httpHooks, onNetworkEvent });
  onTestFinished(() => network.close());
  const handlers = Object.entries(bodies).map(([name, body]) => [
    name,
    `import env from 'gondolin:env'; export async function handler(event) { ${body} }`,
  ]);
  const loaded = await loadHandlers(
    Object.fromEntries(handlers) as Record<string, string>,
    buildLocal(sizes, undefined, network),
  );
  const call = (name: string, event: unknown = null) => loaded.callHandler(name, event, LIMITS);
  return { loaded, events, call };
}

async function readBody(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Responds with what it got. */
function echo(message: IncomingMessage, response: ServerResponse): void {
  void readBody(message).then((body) => {
    const { method, url, headers } = message;
    response.setHeader('content-type', 'application/json');
    response.setHeader('set-cookie', ['a=1', 'b=2']);
    response.end(JSON.stringify({ method, url, headers, body }));
  });
}

it('fetch() gets a response over HTTP and over HTTPS, as the policy of createHttpHooks says', async () => {
  const [port, tlsPort] = [await startHttp(echo), await startHttps('api.test', echo)];
  const { call, events } = await sandboxWith(
    {
      get: `const response = await fetch(event);
        const { method, url, headers: { host } } = await response.json();
        return [response.status, response.ok, response.url, response.headers.getSetCookie(), method, url, host];`,
      post: `const body = new URLSearchParams({ a: 'ä b' });
        const response = await fetch(new Request(event, { method: 'post', body, headers: { 'X-Own': '1' } }));
        const got = JSON.parse(await response.clone().text());
        return [got.method, got.body, got.headers['content-type'], got.headers['x-own'], (await response.arrayBuffer()).byteLength > 10];`,
      refused: `const response = await fetch('https://other.example.com/'); return [response.status, response.headers.get('x-gondolin-refused')];`,
    },
    { allowedHosts: [`api.test:${port}`, `api.test:${tlsPort}`] },
  );
  for (const base of [`http://api.test:${port}`, `https://api.test:${tlsPort}`]) {
    expect(await call('get', `${base}/p/a?q=1#part`)).toEqual([
      ...[200, true, `${base}/p/a?q=1`, ['a=1', 'b=2'], 'GET', '/p/a?q=1'],
      base.split('//')[1],
    ]);
    expect(await call('post', base)).toEqual([
      ...['POST', 'a=%C3%A4+b', 'application/x-www-form-urlencoded;charset=UTF-8', '1', true],
    ]);
  }
  expect(await call('refused')).toEqual([403, 'not_allowed']);
  expect(events.map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(['request', 'response', 'blocked']) as string[],
  );
});

it('the policy sees every request: secrets, hooks, private addresses and rules are those of any VM', async () => {
  const port = await startHttps('api.test', echo);
  const secrets = {
    TOKEN: {
      hosts: [`api.test:${port}`],
      value: 'value-of-the-secret',
      headers: ['authorization'],
    },
  };
  const { call, events } = await sandboxWith(
    {
      send: `const headers = { authorization: 'Bearer ' + env.TOKEN };
        const response = await fetch(event, { headers }); return [response.status, await response.text(), env.TOKEN];`,
      body: `const response = await fetch(event, { method: 'POST', body: env.TOKEN }); return response.status;`,
      get: `const response = await fetch(event); return [response.status, await response.text()];`,
    },
    {
      secrets,

      onRequest: (request) =>
        request.url.endsWith('/own') ? new Response('from the hook', { status: 201 }) : undefined,
    },
  );
  const base = `https://api.test:${port}`;
  const [status, text, placeholder] = (await call('send', base)) as [number, string, string];
  expect([status, text]).toEqual([200, expect.any(String)]);
  // The server got the value; the guest gets its placeholder back.
  expect(text).not.toContain('value-of-the-secret');
  expect(JSON.parse(text).headers.authorization).toBe(`Bearer ${placeholder}`);
  expect(await call('body', base)).toBe(403);
  expect(await call('get', `${base}/own`)).toEqual([201, 'from the hook']);
  expect(JSON.stringify(events)).not.toContain('value-of-the-secret');
});

it('redirects are followed and judged each, without the credentials of another origin', async () => {
  const echoPort = await startHttp(echo);
  const port = await startHttp((message, response) => {
    const { pathname } = new URL(message.url ?? '/', 'http://api.test');
    const places: Record<string, [number, string]> = {
      '/see': [303, '/loop-end'],
      '/keep': [307, `http://api.test:${echoPort}/there`],
      '/denied': [302, 'http://denied.example.com/'],
      '/self': [302, 'http://127.0.0.1:1/'],
      '/file': [302, 'file:///etc/passwd'],
      '/loop': [302, '/loop'],
    };
    const [status, location] = places[pathname] ?? [200, ''];
    if (status !== 200) response.writeHead(status, { location }).end();
    else echo(message, response);
  });
  const { call } = await sandboxWith(
    {
      go: `const { path, ...init } = event;
        try { const response = await fetch('http://api.test:${port}' + path, init);
          return [response.status, response.redirected, response.url, response.status === 200 ? await response.json() : null];
        } catch (error) { return [error.name, error.message]; }`,
    },
    { allowedHosts: [`api.test:${port}`, `api.test:${echoPort}`] },
  );
  const headers = { authorization: 'x', cookie: 'y', 'x-kept': 'z' };
  const see = await call('go', { path: '/see', method: 'POST', body: 'b', headers });
  expect(see).toMatchObject([
    200,
    true,
    `http://api.test:${port}/loop-end`,
    { method: 'GET', body: '' },
  ]);
  expect(see[3].headers).toMatchObject({ authorization: 'x' });
  const keep = await call('go', { path: '/keep', method: 'POST', body: 'b', headers });
  expect(keep[3]).toMatchObject({ method: 'POST', body: 'b', headers: { 'x-kept': 'z' } });
  expect(keep[3].headers).not.toHaveProperty('authorization');
  expect(keep[3].headers).not.toHaveProperty('cookie');
  expect((await call('go', { path: '/denied' })).slice(0, 2)).toEqual([403, true]);
  expect((await call('go', { path: '/see', redirect: 'manual' })).slice(0, 2)).toEqual([
    303,
    false,
  ]);
  for (const [path, redirect, message] of [
    ['/see', 'error', /redirects/],
    ['/self', 'follow', /the sandbox itself/],
    ['/file', 'follow', /file: is not supported/],
    ['/loop', 'follow', /more than 20 redirects/],
  ] as const) {
    expect(await call('go', { path, redirect })).toEqual([
      'TypeError',
      expect.stringMatching(message),
    ]);
  }
});

it('fetch() refuses what is no request, and the sandbox itself', async () => {
  const { call } = await sandboxWith({
    try: `try { await fetch(event.url, event.init); return 'sent'; } catch (error) { return [error.name, error.message]; }`,
    raw: `try { return JSON.stringify(await fetch(event)); } catch (error) { return error.name; }`,
  });
  const url = 'http://api.test/';
  const headers = (name: string, value: string) => ({ url, init: { headers: [[name, value]] } });
  for (const [event, message] of [
    [{ url: 'nothing' }, /is not a URL/],
    [{ url: 'ftp://api.test/' }, /ftp: is not supported/],
    [{ url: 'http://user:password@api.test/' }, /a user or a password/],
    [{ url: `http://api.test/${'x'.repeat(20_000)}` }, /at most 16384 characters/],
    [{ url: 'http://localhost/' }, /the sandbox itself/],
    [{ url: 'http://x.localhost./' }, /the sandbox itself/],
    [{ url: 'http://0x7f.1/' }, /the sandbox itself/],
    [{ url: 'http://[::ffff:127.0.0.1]/' }, /the sandbox itself/],
    [{ url: 'http://0/' }, /the sandbox itself/],
    [{ url: 'http://hidden.onion/' }, /is not a host/],
    [{ url: 'http://api.test:0/' }, /is not a host/],
    [{ url, init: { method: 'CONNECT' } }, /CONNECT is not allowed/],
    [{ url, init: { method: 'GET\r\n' } }, /method/],
    [{ url, init: { method: 'GET', body: 'x' } }, /no body/],
    [{ url, init: { redirect: 'elsewhere' } }, /redirect/],
    [headers('host', 'other'), /the host's/],
    [headers('Transfer-Encoding', 'chunked'), /the host's/],
    [headers('x', 'a\r\nb: c'), /a character that none may have/],
    [headers('x y', 'a'), /is not a name/],
    [headers('x', 'y'.repeat(40_000)), /more than 32768 characters/],
  ] as const) {
    expect(await call('try', event)).toEqual(['TypeError', expect.stringMatching(message)]);
  }
});

it('a call that ends, is cancelled or aborts cancels its requests, and a later call is not disturbed', async () => {
  let open = 0;
  let asked: () => void = () => undefined;
  const port = await startHttp((message, response) => {
    if (message.url === '/quick') {
      response.end('quick');
      return;
    }
    open += 1;
    response.on('close', () => {
      open -= 1;
    });
    asked();
  });
  const { loaded, call } = await sandboxWith(
    {
      hang: `await fetch('http://api.test:${port}/hang');`,
      leave: `globalThis.left = fetch('http://api.test:${port}/hang').catch((error) => error.message);
        await fetch('http://api.test:${port}/quick'); return 'left';`,
      left: 'return globalThis.left;',
      abort: `const signal = AbortSignal.timeout(20);
        try { await fetch('http://api.test:${port}/hang', { signal }); } catch (error) { return error.name; }`,
      early: `try { await fetch('http://api.test:${port}/hang', { signal: AbortSignal.abort() }); } catch (error) { return error.name; }`,
      many: `const all = Array.from({ length: 40 }, () => fetch('http://api.test:${port}/hang').catch((error) => error.message));
        return Promise.race(all);`,
      timers: `const quick = []; const timer = setInterval(() => quick.push(1), 5);
        for (let at = 0; at < 5; at++) await (await fetch('http://api.test:${port}/quick')).text();
        await new Promise((done) => setTimeout(done, 20)); clearInterval(timer); return quick.length > 2;`,
    },
    { allowedHosts: [`api.test:${port}`] },
  );
  const snapshot = await loaded.snapshot();
  const noneOpen = () => expect.poll(() => open, { timeout: 5_000 }).toBe(0);
  const hanging = loaded.callHandler('hang', null, { wallClockTimeoutMs: 300 });
  await expect(hanging).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
  await noneOpen();
  await loaded.restore(snapshot);
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const killed = loaded.callHandler('hang', null);
  const rejected = expect(killed).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
  await isAsked;
  loaded.interruptHandle.kill();
  await rejected;
  await noneOpen();
  await loaded.restore(snapshot);
  expect(await call('leave')).toBe('left');
  await noneOpen();
  expect(await call('left')).toMatch(/cancelled with its call/);
  expect(await call('abort')).toBe('TimeoutError');
  expect(await call('early')).toBe('AbortError');
  expect(await call('many')).toMatch(/more than 32 requests at once/);
  await noneOpen();
  expect(await call('timers')).toBe(true);
});

it.each([
  'Map.prototype.get = Map.prototype.keys = () => { throw 1; };',
  'Object.defineProperty(Object.prototype, "error", { get() { for (;;); } });',
  'Promise.prototype.then = () => { for (;;); };',
  'globalThis.Promise = function () {}; Array.prototype[Symbol.iterator] = function* () { for (;;) yield this; };',
  'const again = () => fetch("http://api.test/").then(again, again); again(); again();',
  'for (;;) fetch("http://api.test:1/").catch(() => {});',
  'return fetch({ toString() { return { toString: null }; } });',
  'return fetch("http://api.test/", { headers: { *[Symbol.iterator]() { for (;;) yield ["a", "b"]; } } });',
])('a handler that runs %s ends with a code or a result, and the next call works', async (code) => {
  const { loaded, call } = await sandboxWith({
    attack: `${code} await fetch('http://api.test:1/');`,
    ok: 'return 1;',
  });
  const snapshot = await loaded.snapshot();
  const limits = { cpuTimeoutMs: 200, wallClockTimeoutMs: 2_000 };
  const error = await loaded.callHandler('attack', null, limits).catch((reason: unknown) => reason);
  if (error instanceof Error)
    expect((error as { code?: string }).code).toMatch(/^ERR_(CANCELLED|INTERNAL|GUEST_ABORT)$/);
  await loaded.restore(snapshot);
  expect(await call('ok')).toBe(1);
});

it('bodies are bounded by the buffers of the sandbox, and so are they all together', async () => {
  const size = 64 * 1024;
  const port = await startHttp((message, response) => {
    message.resume();
    const { pathname } = new URL(message.url ?? '/', 'http://api.test');
    if (pathname === '/endless') {
      const write = (): void =>
        void (
          response.destroyed ||
          (response.write('x'.repeat(10_000)) ? setImmediate(write) : response.once('drain', write))
        );
      write();
    } else response.end('x'.repeat(Number(pathname.slice(1))));
  });
  const { call } = await sandboxWith(
    {
      get: `try { return (await (await fetch('http://api.test:${port}/' + event)).text()).length; } catch (error) { return error.message; }`,
      post: `try { return (await fetch('http://api.test:${port}/0', { method: 'POST', body: 'x'.repeat(event) })).status; } catch (error) { return error.message; }`,
      all: `const all = await Promise.allSettled(Array.from({ length: 8 }, () => fetch('http://api.test:${port}/${size}')));
        const again = await (await fetch('http://api.test:${port}/${size}')).text();
        return [all.some(({ status }) => status === 'fulfilled'), again.length];`,
    },
    { allowedHosts: [`api.test:${port}`] },
    { inputBuffer: size, outputBuffer: size },
  );
  expect(await call('get', size)).toBe(size);
  expect(await call('get', size + 1)).toMatch(/more bytes than the input buffer/);
  expect(await call('get', 'endless')).toMatch(/more bytes than the input buffer/);
  expect(await call('post', size)).toBe(200);
  expect(await call('post', size + 1)).toMatch(/and the output buffer/);
  expect(await call('all')).toEqual([true, size]);
});

it('without setNetwork() there is no fetch, and setNetwork() takes only what createHttpHooks() gave', async () => {
  const loaded = await loadHandlers({ none: 'function handler() { return typeof fetch; }' });
  expect(await loaded.callHandler('none', null)).toBe('undefined');
  const builder = new SandboxBuilder();
  const made = createHttpHooks({ allowedHosts: ['api.github.com'] });
  expect(builder.setNetwork(made)).toBe(builder);
  expect(builder.setNetwork(made.httpHooks)).toBe(builder);
  for (const wrong of [null, {}, { httpHooks: {} }, 1]) {
    expect(() => builder.setNetwork(wrong as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG' }) as Error,
    );
  }
  const bad = new SandboxBuilder().setNetwork(createHttpHooks({ allowedHosts: ['a b'] }));
  await expect(bad.build()).rejects.toMatchObject({ code: 'NET_PATTERN_INVALID' });
});
