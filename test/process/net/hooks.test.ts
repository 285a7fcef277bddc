import { afterAll, expect, it } from 'vitest';
import {
  createHttpHooks,
  type HttpHooksOptions,
} from '../../../src/net/hooks/create-http-hooks.ts';
import { compilePolicy } from '../../../src/net/policy/compile-policy.ts';
import { connectHttp2, connectTls, request } from '../../fixtures/net/clients.ts';
import { startHttps } from '../../fixtures/net/servers.ts';
import { createTestNetwork, removeTestCa, serverCa } from '../../fixtures/net/test-network.ts';

afterAll(removeTestCa);

/** The same with other bytes at its start: no DER. */
function broken(pem: string): string {
  return pem.replace('MII', 'AAA');
}

const VALUE = 'sk-live-0123456789abcdef';

async function hooked(options: HttpHooksOptions, listener = echo) {
  const port = await startHttps('api.test', listener);
  const host = `api.test:${port}`;
  const { httpHooks, env } = createHttpHooks({
    allowedHosts: [host],
    allowedInternalHosts: ['127.0.0.1'],
    ...options,
  });
  const net = await createTestNetwork(httpHooks.network);
  const send = async (more: Parameters<typeof request>[1] = {}) =>
    request(await connectTls(net, 'api.test', port), {
      ...more,
      headers: { host, ...more.headers },
    });
  return { net, send, env, port, host };
}

const echo: Parameters<typeof startHttps>[1] = (message, response) => {
  response.setHeader('x-method', message.method ?? '');
  response.setHeader('x-url', message.url ?? '');
  response.setHeader('x-added', String(message.headers['x-added']));
  message.pipe(response);
};

it('createHttpHooks() shows requests and answers to hooks that only look', async () => {
  const seen: string[] = [];
  const { send } = await hooked({
    onRequestHead: (head) => {
      seen.push(`head ${head.method} ${new URL(head.url).pathname} ${head.body}`);
    },
    onRequest: (message) => {
      seen.push(message.url);
    },
    onResponse: (response, message) => {
      seen.push(`${response.status} ${message.method}`);
    },
  });
  const answer = await send({ method: 'POST', path: '/a?b=1', body: 'hello' });
  expect(answer).toMatchObject({ status: 200, body: 'hello' });
  expect(seen[0]).toBe('head POST /a null');
  expect(seen[1]).toMatch(/^https:\/\/api\.test:\d+\/a\?b=1$/);
  expect(seen[2]).toBe('200 POST');
});

it('createHttpHooks() sends what onRequest gives: method, path, fields and a body that streams', async () => {
  const { send } = await hooked({
    onRequest: async (message) => {
      const text = await message.text();
      const headers = new Headers(message.headers);
      headers.set('x-added', 'yes');
      const url = new URL('/other', message.url);
      return new Request(url, { method: 'PUT', headers, body: text.toUpperCase() + text });
    },
  });
  const answer = await send({ method: 'POST', path: '/a', body: 'hello' });
  expect(answer.body).toBe('HELLOhello');
  expect(answer.headers).toMatchObject({ 'x-method': 'PUT', 'x-url': '/other', 'x-added': 'yes' });
});

it('createHttpHooks() answers with a Response of onRequest and asks no server', async () => {
  let asked = 0;
  const { send, net } = await hooked(
    { onRequest: () => new Response('from the hook', { status: 403, headers: { 'x-a': '1' } }) },
    (_message, response) => {
      asked += 1;
      response.end();
    },
  );
  expect(await send()).toMatchObject({ status: 403, body: 'from the hook' });
  expect(asked).toBe(0);
  expect(await net.event('response')).toMatchObject({ statusCode: 403, address: null });
  // Policy has not refused it: nothing for on_blocked: fail.
  expect(net.events.some(({ kind }) => kind === 'blocked')).toBe(false);
});

it('createHttpHooks() gives the guest what onResponse gives, with its true length', async () => {
  const { send } = await hooked({
    onResponse: async (response) => new Response(`${await response.text()}, changed`, response),
  });
  const answer = await send({ method: 'POST', body: 'hello' });
  expect(answer.body).toBe('hello, changed');
});

it('createHttpHooks() puts secrets in after the hooks and takes them out before', async () => {
  const seen: string[] = [];
  const { send, env } = await hooked(
    {
      secrets: {},
      onRequest: (message) => {
        seen.push(String(message.headers.get('authorization')));
        return message;
      },
    },
    (message, response) => response.end(`you are ${message.headers.authorization}`),
  );
  expect(env).toEqual({});
  expect((await send({ headers: { authorization: 'x' } })).body).toBe('you are x');
  const port = await startHttps('api.test', (message, response) => {
    seen.push(String(message.headers.authorization));
    response.end(`you are ${message.headers.authorization}`);
  });
  const host = `api.test:${port}`;
  const made = createHttpHooks({
    allowedInternalHosts: ['127.0.0.1'],
    secrets: { TOKEN: { hosts: [host], value: VALUE } },
    onRequest: (message) => {
      seen.push(String(message.headers.get('authorization')));
      return message;
    },
    onResponse: async (response) => new Response(`hook saw: ${await response.text()}`),
  });
  const placeholder = made.env['TOKEN'] ?? '';
  const net = await createTestNetwork(made.httpHooks.network);
  const socket = await connectTls(net, 'api.test', port);
  const answer = await request(socket, { headers: { host, authorization: placeholder } });
  expect(answer.body).toBe(`hook saw: you are ${placeholder}`);
  expect(seen.slice(-2)).toEqual([placeholder, VALUE]);
  expect(JSON.stringify(made)).not.toContain(VALUE);
});

it('createHttpHooks() judges again where a hook leads', async () => {
  const { send, net } = await hooked({
    onRequest: (message) => new Request('https://evil.test/', message),
  });
  const answer = await send();
  expect(answer.status).toBe(403);
  expect(answer.body).toMatch(/evil\.test/);
  expect(await net.event('blocked')).toMatchObject({ host: 'evil.test', reason: 'not_allowed' });
});

it.each([
  ['throws', { onRequest: () => Promise.reject(new Error('boom: internal detail')) }],
  ['gives something else', { onRequest: () => 'no' as unknown as Response }],
  [
    'throws on the answer',
    { onResponse: () => Promise.reject(new Error('boom: internal detail')) },
  ],
] as const)(
  'createHttpHooks() answers 502 and tells the host when a hook %s',
  async (_name, hooks) => {
    const { send, net } = await hooked(hooks);
    const answer = await send();
    expect(answer.status).toBe(502);
    expect(answer.headers['x-gondolin-refused']).toBe('NET_HOOK_FAILED');
    expect(answer.body).not.toContain('internal detail');
    expect(net.faults.map((fault) => (fault as Error & { code: string }).code)).toEqual([
      'NET_HOOK_FAILED',
    ]);
  },
);

it('createHttpHooks() streams bodies through hooks with the pace of the slower side', async () => {
  let written = 0;
  const { net, port } = await hooked(
    { onRequest: () => undefined, onResponse: () => undefined },
    (_message, response) => {
      const chunk = Buffer.alloc(65_536, 1);
      const pump = (): void => {
        while (written < 24 * 1024 * 1024) {
          written += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', pump);
        }
        response.end();
      };
      pump();
    },
  );
  const session = await connectHttp2(net, 'api.test', port);
  const stream = session.request({ ':path': '/' });
  await new Promise((resolve) => stream.once('response', resolve));
  let before = -1;
  while (before !== written) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(written).toBeLessThan(16 * 1024 * 1024);
  let received = 0;
  for await (const chunk of stream) received += (chunk as Buffer).length;
  expect(received).toBe(24 * 1024 * 1024);
});

it('createHttpHooks() leads a name to an address and trusts the server by a root of its own', async () => {
  const port = await startHttps('api.test', (_message, response) => response.end('by name'));
  const extraHosts = [{ name: 'api.test', address: '127.0.0.1', port }];
  const answerWith = async (options: HttpHooksOptions) => {
    const { network } = createHttpHooks(options).httpHooks;
    const net = await createTestNetwork({ ca: [], ...network });
    return request(await connectTls(net, 'api.test', 443), { headers: { host: 'api.test' } });
  };
  const { caPem } = serverCa;
  expect(await answerWith({ extraHosts, ca: caPem })).toMatchObject({ body: 'by name' });
  expect(await answerWith({ extraHosts, ca: [caPem] })).toMatchObject({ status: 200 });
  const untrusted = await answerWith({ extraHosts });
  expect(untrusted).toMatchObject({ status: 502 });
  expect(untrusted.headers['x-gondolin-refused']).toBe('NET_UPSTREAM_TLS');
});

it.each([
  ['a path', '/etc/ssl/root.pem', 'text 1 of 1 contains no PEM certificate'],
  ['an empty text', [serverCa.caPem, ''], 'text 2 of 2 contains no PEM certificate'],
  [
    'a key',
    '-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n',
    'contains no PEM certificate',
  ],
  ['half a certificate', serverCa.caPem.slice(0, 300), 'contains no PEM certificate'],
  ['bytes that are none', broken(serverCa.caPem), 'contains a certificate that cannot be read'],
  ['a broken second one', serverCa.caPem + broken(serverCa.caPem), 'certificate 2 of 2 in it'],
  ['a Buffer', [Buffer.from(serverCa.caPem)] as unknown as string[], 'is not a string'],
])('createHttpHooks() refuses %s as ca at once', (_what, ca, want) => {
  const refused = expect.objectContaining({
    code: 'NET_CA_INVALID',
    exit: 2,
    message: expect.stringContaining(want),
  });
  expect(() => createHttpHooks({ ca })).toThrow(refused);
});

it.each([
  [{ name: '*.test', address: '127.0.0.1' }, 'one host name'],
  [{ name: 'api.test', address: 'localhost' }, 'not an address'],
  [{ name: 'api.test', address: '127.0.0.1', port: 0 }, 'port'],
  [{ name: 'api.test' } as { name: string; address: string }, 'host name'],
])('createHttpHooks() refuses the extra host %j at once', (extra, want) => {
  expect(() => createHttpHooks({ extraHosts: [extra] })).toThrow(
    expect.objectContaining({
      code: 'NET_PATTERN_INVALID',
      message: expect.stringContaining(want),
    }),
  );
});

it('createHttpHooks() takes .* for every name on the ports of the web, and refuses a secret without value', () => {
  const { httpHooks } = createHttpHooks({ allowedHosts: ['.*'], blockInternalRanges: false });
  const { policy } = httpHooks.network;
  expect(policy).toMatchObject({ mode: 'allowlist', blockPrivateIps: false });
  const { decideConnection } = compilePolicy(policy);
  const decide = (name: string | null, port: number, transport: 'https' | 'tcp') =>
    decideConnection({ name, address: name ?? '93.184.216.34', port, transport }).isAllowed;
  expect([decide('any.test', 443, 'https'), decide('any.test', 443, 'tcp')]).toEqual([true, false]);
  expect([decide('any.test', 8443, 'https'), decide(null, 443, 'https')]).toEqual([false, false]);
  const secrets = { TOKEN: { hosts: ['api.test'], value: undefined } };
  expect(() => createHttpHooks({ secrets })).toThrow(
    expect.objectContaining({ code: 'NET_SECRET_INVALID' }),
  );
});
