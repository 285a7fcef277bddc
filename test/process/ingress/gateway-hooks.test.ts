import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import {
  type IngressHooks,
  type IngressRequest,
  IngressRequestBlockedError,
  type IngressRequestPatch,
  type IngressResponsePatch,
} from '../../../src/ingress/ingress-hooks.ts';
import type { IngressOptions } from '../../../src/ingress/ingress-options.ts';
import { startGateway } from '../../fixtures/ingress/gateway.ts';
import { startHttp } from '../../fixtures/net/servers.ts';

/** A server that responds with what it got, as JSON. */
function startMirror(): Promise<number> {
  return startHttp((request, response) => {
    void text(request).then((body) => {
      const { method, url, headers } = request;
      response.setHeader('x-server', 'mirror');
      response.end(JSON.stringify({ method, url, headers, body }));
    });
  });
}

async function open(hooks: IngressHooks, options: IngressOptions = {}) {
  return startGateway(`/ :${await startMirror()}\n`, { ...options, hooks });
}

async function codeOf(response: Response): Promise<[number, string | undefined]> {
  return [response.status, (await response.text()).split(':')[0]];
}

it('isAllowed sees client, path, fields and route, and refuses with a 403', async () => {
  const calls: unknown[] = [];
  const { url } = await open({
    isAllowed: async (call) => {
      calls.push(call);
      return call.path !== '/no';
    },
  });
  expect((await fetch(`${url}/yes?q`, { headers: { 'x-a': '1' } })).status).toBe(200);
  expect(await codeOf(await fetch(`${url}/no`))).toEqual([403, 'INGRESS_REFUSED']);
  expect(calls[0]).toMatchObject({
    clientIp: '127.0.0.1',
    method: 'GET',
    path: '/yes?q',
    headers: { 'x-a': '1', host: expect.any(String) },
    route: { prefix: '/', stripPrefix: true },
  });
});

it('IngressRequestBlockedError chooses the response', async () => {
  const { url } = await open({
    isAllowed: () => {
      throw new IngressRequestBlockedError('hidden', 404, 'Nothing', 'nope\n');
    },
  });
  const response = await fetch(url);
  expect([response.status, response.statusText, await response.text()]).toEqual([
    404,
    'Nothing',
    'nope\n',
  ]);
});

it('IngressRequestBlockedError refuses what is not a response of an error', () => {
  expect(() => new IngressRequestBlockedError('x', 200)).toThrow(RangeError);
  expect(() => new IngressRequestBlockedError('x', 403, 'a\r\nb')).toThrow(RangeError);
});

it('onRequest changes method, target and fields', async () => {
  const { url } = await open({
    onRequest: ({ backendTarget }) => ({
      method: 'PUT',
      backendTarget: backendTarget.replace('/v1', '/v2'),
      headers: {
        'X-Added': '1',
        'x-removed': null,
        connection: 'keep-alive',
        'x-list': ['a', 'b'],
      },
    }),
  });
  const response = await fetch(`${url}/v1/x?q`, {
    method: 'POST',
    body: 'hi',
    headers: { 'x-removed': '1' },
  });
  const got = (await response.json()) as { headers: Record<string, string> };
  expect(got).toMatchObject({
    method: 'PUT',
    url: '/v2/x?q',
    body: 'hi',
    headers: { 'x-added': '1', 'x-list': 'a, b', connection: 'close', 'content-length': '2' },
  });
  expect(got.headers).not.toHaveProperty('x-removed');
});

it('onRequest chooses another port of the guest', async () => {
  const other = await startHttp((_request, response) => response.end('other'));
  const { url } = await open({ onRequest: () => ({ backendPort: other }) });
  expect(await (await fetch(url)).text()).toBe('other');
});

it('onResponse changes status and fields of a streamed response', async () => {
  const seen: unknown[] = [];
  const { url } = await open({
    onResponse: (response, request) => {
      seen.push([response.body, request.backendTarget]);
      return {
        statusCode: 201,
        statusMessage: 'Made',
        headers: { 'x-server': null, 'x-new': '1' },
      };
    },
  });
  const response = await fetch(`${url}/a`);
  expect([response.status, response.statusText]).toEqual([201, 'Made']);
  expect([response.headers.get('x-server'), response.headers.get('x-new')]).toEqual([null, '1']);
  expect(await response.json()).toMatchObject({ url: '/a' });
  expect(seen).toEqual([[undefined, '/a']]);
});

it('onResponse gets and replaces the body where it is buffered', async () => {
  const hooks: IngressHooks = {
    onResponse: ({ body }) =>
      body === undefined ? undefined : { body: Buffer.from(String(body).toUpperCase()) },
  };
  const all = await open(hooks, { bufferResponseBody: true });
  expect(await (await fetch(`${all.url}/a`)).text()).toContain('"METHOD":"GET"');
  const some = await open({
    ...hooks,
    onRequest: ({ backendTarget }) => ({ bufferResponseBody: backendTarget === '/b' }),
  });
  expect(await (await fetch(`${some.url}/a`)).text()).toContain('"method":"GET"');
  expect(await (await fetch(`${some.url}/b`)).text()).toContain('"METHOD":"GET"');
});

it('onResponse replaces a body that is not buffered, and HEAD has no body', async () => {
  const { url } = await open({ onResponse: () => ({ body: Buffer.from('mine') }) });
  expect(await (await fetch(url)).text()).toBe('mine');
  const head = await fetch(url, { method: 'HEAD' });
  expect([head.status, await head.text()]).toEqual([200, '']);
});

it('a buffered body above the limit is a 502', async () => {
  const { url } = await open(
    { onResponse: () => undefined },
    { bufferResponseBody: true, maxBufferedResponseBodyBytes: 10 },
  );
  expect(await codeOf(await fetch(url))).toEqual([502, 'INGRESS_SERVER_FAILED']);
});

it('a hook that throws is a 502 that does not repeat its text', async () => {
  const fail = () => {
    throw new Error('secret-text');
  };
  for (const hooks of [{ isAllowed: fail }, { onRequest: fail }, { onResponse: fail }]) {
    const { url, log } = await open(hooks);
    const response = await fetch(url);
    const body = await response.text();
    expect(response.status).toBe(502);
    expect(body).toMatch(/^INGRESS_HOOK_FAILED: (?:isAllowed|onRequest|onResponse) failed\n/);
    expect(body).not.toContain('secret-text');
    expect(log.join()).toContain('secret-text');
  }
});

const BAD_REQUESTS: readonly object[] = [
  { method: 'CONNECT' },
  { method: 'GET /' },
  { backendPort: 0 },
  { backendPort: 70_000 },
  { backendTarget: 'http://other.test/' },
  { backendTarget: '/a b' },
  { backendTarget: '/a\r\nX: 1' },
  { headers: { 'x y': '1' } },
  { headers: { x: 'a\r\nb' } },
];

it.each(BAD_REQUESTS)('onRequest cannot return %j', async (patch) => {
  const { url } = await open({
    onRequest: (_request: IngressRequest) => patch as IngressRequestPatch,
  });
  expect(await codeOf(await fetch(url))).toEqual([502, 'INGRESS_HOOK_FAILED']);
});

const BAD_RESPONSES: readonly object[] = [
  { statusCode: 101 },
  { statusCode: 99.5 },
  { statusMessage: 'a\r\nb' },
  { headers: { x: 'a\nb' } },
  { body: 'text' },
];

it.each(BAD_RESPONSES)('onResponse cannot return %j', async (patch) => {
  const { url } = await open({ onResponse: () => patch as IngressResponsePatch });
  expect(await codeOf(await fetch(url))).toEqual([502, 'INGRESS_HOOK_FAILED']);
});
