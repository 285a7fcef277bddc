import { createHttpHooks, VM } from 'gondolin';
import { expect, it, onTestFinished } from 'vitest';
import { API_TOKEN, openClientSandbox } from '../fixtures/net/client-sandbox.ts';
import { startScriptedProxy } from '../fixtures/net/proxies.ts';

it('a restored VM: new connections, placeholders of before, hooks, questions and a proxy work in it', async () => {
  const sandbox = await openClientSandbox();
  onTestFinished(() => sandbox.close());
  const answer = `-H "authorization: Bearer $API_TOKEN" https://api.clients.test`;
  const wait = `until [ -e /tmp/go ]; do sleep 0.1; done; curl -sS ${answer}/late`;
  await sandbox.vm.exec(`(${wait} > /tmp/part; mv /tmp/part /tmp/late) > /dev/null 2>&1 &`);
  const from = sandbox.directory('saved');
  await sandbox.vm.save(from);

  const urls: string[] = [];
  const asked: string[] = [];
  const heads: string[] = [];
  const page = 'HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\nby the proxy\n';
  const proxyPort = await startScriptedProxy((proxyHead, socket) => {
    heads.push(proxyHead);
    socket.end(page);
  });
  const { network, ...options } = sandbox.options;
  const { httpHooks, env } = createHttpHooks({
    extraHosts: network.policy.extraHosts ?? [],
    ca: network.ca ?? [],
    secrets: { API_TOKEN: { hosts: ['api.clients.test'], value: API_TOKEN } },
    upstreamProxy: { url: `http://127.0.0.1:${proxyPort}`, resolve: 'proxy' },
    onAsk({ host, port, scheme }) {
      asked.push(`${scheme} ${host} ${port}`);
      return scheme === 'tcp' ? 'never' : 'once';
    },
    onRequest(request) {
      urls.push(request.url);
      if (request.url.endsWith('/made-up')) return new Response('of the hook\n', { status: 202 });
      const headers = new Headers(request.headers);
      headers.set('x-added', 'by the hook');
      return new Request(request, { headers });
    },
    onResponse(response) {
      const headers = new Headers(response.headers);
      headers.set('x-seen', String(response.status));
      return new Response(response.body, { status: response.status, headers });
    },
  });
  const restored = await VM.create({ ...options, from, env, httpHooks });
  onTestFinished(() => restored.close());
  const told = await restored.exec(
    `touch /tmp/go; curl -sS -i https://api.clients.test/made-up; curl -sS -D /tmp/head ${answer}/new; cat /tmp/head
     until [ -e /tmp/late ]; do sleep 0.1; done; cat /tmp/late`,
  );
  expect(told.stderr).toBe('');
  const [made, fresh = '', head] = told.stdout.split(/(?=\{"method)|(?=HTTP\/)/);
  expect(made).toMatch(/202[\s\S]*of the hook\n$/);
  expect(head).toMatch(/x-seen: 200\r\n/);
  expect(fresh).toContain('"x-added":"by the hook"');
  const { seen } = sandbox.servers;
  for (const path of ['/new', '/late']) {
    const authorization = seen.findLast((request) => request.path === path)?.headers.authorization;
    expect(authorization, path).toBe(`Bearer ${API_TOKEN}`);
  }
  expect(told.stdout).not.toContain(API_TOKEN);

  const answered = await restored.exec(
    `curl -sS http://asked.test/page; bash -c 'exec 3<>/dev/tcp/db.asked.test/5432' 2>&1 | grep -o 'Connection refused' | sort -u`,
  );
  expect(answered.stdout).toBe('by the proxy\nConnection refused\n');
  expect(asked).toEqual(['http asked.test 80', 'tcp db.asked.test 5432']);
  expect(heads.map((text) => text.split('\r\n')[0])).toEqual([
    'GET http://asked.test/page HTTP/1.1',
  ]);
  expect(urls.pop()).toBe('http://asked.test/page');
  expect(urls.toSorted()).toEqual(
    ['late', 'made-up', 'new'].map((path) => `https://api.clients.test/${path}`),
  );
});
