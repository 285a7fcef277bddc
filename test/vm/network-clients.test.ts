import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  API_TOKEN,
  type ClientSandbox,
  GIT_TOKEN,
  openClientSandbox,
  REFUSAL,
  TEXT,
} from '../fixtures/net/client-sandbox.ts';
import { subjectsOf } from '../fixtures/net/git-backend.ts';

let sandbox: ClientSandbox;

beforeAll(async () => {
  sandbox = await openClientSandbox();
});

afterAll(() => sandbox?.close());

const run: ClientSandbox['run'] = (...args) => sandbox.run(...args);
const print: ClientSandbox['print'] = (...args) => sandbox.print(...args);
const md5 = (text: string) => createHash('md5').update(text).digest('hex');

// Two at a time: the guest has two processors, and more of Node at once only get in each other's way under TCG.
describe.concurrent('programs reach the hosts of the policy and no other', () => {
  it.sequential('curl: both versions of HTTP, HEAD, conditions, ranges, compression, redirects', async () => {
    const code = `-sS -o /dev/null -w '%{http_code} %{http_version} %{size_download} %{url_effective}\\n'`;
    const url = 'https://web.clients.test/text.txt';
    const told = await print(
      `curl --http1.1 ${code} ${url}
       curl -D /tmp/head ${code} ${url} --next -I ${code} ${url}
       etag=$(sed -n 's/^etag: //Ip' /tmp/head | tr -d '\\r')
       curl -H "if-none-match: $etag" ${code} ${url} --next -r 6-10 ${code} ${url} --next \\
         -L ${code} https://web.clients.test/moved --next ${code} http://plain.clients.test/text.txt --next \\
         -sS --compressed -o /tmp/text ${url}
       md5sum < /tmp/text`,
    );
    expect(told.split('\n')).toEqual([
      `200 1.1 60000 ${url}`,
      `200 2 60000 ${url}`,
      `200 2 0 ${url}`,
      `304 2 0 ${url}`,
      `206 2 5 ${url}`,
      `200 2 60000 ${url}`,
      '200 1.1 60000 http://plain.clients.test/text.txt',
      `${md5(TEXT)}  -`,
      '',
    ]);
  });

  it.sequential('curl: uploads with a length, in chunks, and with Expect', async () => {
    const told = await print(
      `head -c 600000 /dev/zero > /tmp/up; for version in --http1.1 --http2; do
         curl -sS $version -T /tmp/up https://api.clients.test/digest \\
           --next -sS $version -T - https://api.clients.test/digest \\
           --next -sS $version -H 'expect: 100-continue' --data-binary @/tmp/up https://web.clients.test/digest < /tmp/up
       done`,
    );
    const answers = told
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const wanted = {
      bytes: 600_000,
      md5: createHash('md5').update(Buffer.alloc(600_000)).digest('hex'),
    };
    expect(answers).toHaveLength(6);
    for (const answer of answers) expect(answer).toMatchObject(wanted);
    expect(answers[0].headers).toMatchObject({ 'content-length': '600000' });
    expect(answers[1].headers).toMatchObject({ 'transfer-encoding': 'chunked' });
  });

  it.sequential('wget: plain, over TLS and after a redirect', async () => {
    const urls = ['http://plain.clients.test/text.txt', 'https://web.clients.test/moved'];
    for (const url of urls) {
      expect(await print(`wget -q -O - ${url} | md5sum`)).toBe(`${md5(TEXT)}  -\n`);
    }
  });

  it.sequential('openssl s_client: verifies and reads an answer', async () => {
    const line = `printf 'HEAD /text.txt HTTP/1.0\\r\\nHost: web.clients.test\\r\\n\\r\\n' |
      openssl s_client -quiet -verify_return_error -servername web.clients.test -connect web.clients.test:443`;
    expect(await print(line)).toMatch(/^HTTP\/1\.[01] 200 OK\r\n/);
  });

  it.sequential('connect() comes to what the server, or the policy, makes of it', async () => {
    const places = [
      ...['redis.clients.test:6379', 'down.clients.test:5432', 'full.clients.test:5432'],
      ...['down.clients.test:443', 'web.clients.test:443', 'full.clients.test:80'],
      ...['unlisted.clients.test:5432', 'unlisted.clients.test:443'],
    ];
    expect((await print(`python3 /clients/connect.py ${places.join(' ')}`)).split('\n')).toEqual([
      'redis EINPROGRESS 0',
      'down EINPROGRESS ECONNREFUSED',
      'full EINPROGRESS timeout',
      'down EINPROGRESS ECONNREFUSED',
      'web EINPROGRESS 0',
      'full EINPROGRESS timeout',
      'unlisted EINPROGRESS ECONNREFUSED',
      // The refusal is told in words there.
      'unlisted EINPROGRESS 0',
      '',
    ]);
    const denied = { kind: 'blocked', host: 'unlisted.clients.test', port: 5432, transport: 'tcp' };
    expect(sandbox.events).toContainEqual(expect.objectContaining(denied));
  });

  it.sequential('Redis through /tcp; without it the connection is reset or refused', async () => {
    const told = await run(
      `redis-cli -h redis.clients.test SET key 'a value'; redis-cli -h redis.clients.test GET key
       redis-cli -h closed.clients.test PING; redis-cli -h unlisted.clients.test PING`,
    );
    expect(told.stdout).toBe('OK\na value\n');
    expect(told.stderr).toMatch(
      /^Error: Connection reset by peer\nCould not connect to Redis .*: Connection refused\n$/,
    );
    const blocked = (host: string) => ({ kind: 'blocked', host, transport: 'tcp', port: 6379 });
    expect(sandbox.events).toContainEqual(expect.objectContaining(blocked('closed.clients.test')));
    const suggestion = 'allowed_hosts: ["unlisted.clients.test:6379/tcp"]';
    expect(sandbox.events).toContainEqual(
      expect.objectContaining({ ...blocked('unlisted.clients.test'), suggestion }),
    );
  });

  it.sequential('secrets: swapped for their host, taken out of its answer, refused elsewhere', async () => {
    const basic = `$(printf 'me:%s' "$API_TOKEN" | base64 -w0)`;
    const told = await print(
      `echo "$API_TOKEN"
       curl -sS -H "authorization: Bearer $API_TOKEN" https://api.clients.test/bearer
       curl -sS -H "authorization: Basic ${basic}" https://api.clients.test/basic`,
    );
    const [placeholder = '', bearer = '', user = ''] = told.split('\n');
    expect(placeholder).toMatch(/^GONDOLIN_SECRET_[0-9a-f]{32}$/);
    expect(JSON.parse(bearer).headers.authorization).toBe(`Bearer ${placeholder}`);
    expect(told).not.toContain(API_TOKEN);
    expect(told).not.toContain(Buffer.from(`me:${API_TOKEN}`).toString('base64'));
    expect(JSON.parse(user).headers.authorization).toMatch(/^Basic /);
    const seen = (path: string) =>
      sandbox.servers.seen.find((request) => request.path === path)?.headers.authorization;
    expect(seen('/bearer')).toBe(`Bearer ${API_TOKEN}`);
    expect(seen('/basic')).toBe(`Basic ${Buffer.from(`me:${API_TOKEN}`).toString('base64')}`);

    for (const place of [
      'https://web.clients.test/text.txt -H "x-t: $API_TOKEN"',
      'https://api.clients.test/$API_TOKEN',
      'https://api.clients.test/ -d "t=$API_TOKEN"',
    ]) {
      const refused = await print(
        `curl -sS -o /tmp/leak -w '%{http_code}' ${place}; cat /tmp/leak`,
      );
      expect(refused, place).toMatch(/^403gondolin: blocked[\s\S]*API_TOKEN[\s\S]*secret_leak/);
    }
    expect(sandbox.events.filter(({ kind }) => kind === 'secret_leak')).toHaveLength(3);
    expect(JSON.stringify(sandbox.events)).not.toContain(API_TOKEN);
  });

  const url = 'https://unlisted.clients.test/project.git';
  it.sequential.each([
    ['curl', `curl -sS ${url}`, 0],
    ['curl, plain', 'curl -sS http://unlisted.clients.test/', 0],
    ['curl after a redirect', 'curl -sSL https://web.clients.test/moved-away', 0],
    ['wget', `wget -q -O - --content-on-error ${url}`, 8],
    ['git clone', `git clone -q ${url} /tmp/never 2>&1`, 128],
    [
      'git push',
      `cd /tmp; git init -q none; cd none; git -c user.name=a -c user.email=a@example.com commit -q --allow-empty -m a; git push ${url} HEAD:main 2>&1`,
      128,
    ],
    [
      'openssl',
      `printf 'GET / HTTP/1.0\\r\\nHost: unlisted.clients.test\\r\\n\\r\\n' |
      openssl s_client -quiet -servername unlisted.clients.test -connect unlisted.clients.test:443`,
      0,
    ],
  ])('%s says why its host is refused', async (_name, line, exitCode) => {
    const told = await run(line);
    expect(told.stdout).toMatch(REFUSAL);
    expect(told.exitCode).toBe(exitCode);
  });

  it.sequential('a container behind a bridge, and the machine around it, are captured', async () => {
    const both = (text: string) => Array(2).fill([200, text]);
    const names = 'plain.clients.test unlisted.clients.test';
    const told = await print(`. /clients/bridge.sh; python3 /clients/container.py ${names}`);
    const blocked = [403, 'gondolin: blocked th'];
    expect(JSON.parse(told)).toEqual({
      container: {
        allowed: both(TEXT.slice(0, 20)),
        denied: blocked,
        metadata: blocked,
        private: Array(3).fill('ConnectionRefusedError'),
        names: [true, true],
        quic: Array(2).fill('ConnectionRefusedError'),
        machine: both('of the machine'),
      },
      machine: {
        // Not the container, which has port 80 published.
        allowed: both(TEXT.slice(0, 20)),
        container: both('of the container'),
        published: both('of the container'),
      },
    });
  });

  it.sequential('psql is refused the connection to a host that is not listed', async () => {
    const told = await run('psql -h unlisted.clients.test -U a -c "select 1"');
    expect(told.stderr).toMatch(/Connection refused/);
  });
});

it('git: clone and push over HTTPS, with a password that the guest does not have', async () => {
  const identity = '-c user.name=a -c user.email=a@example.com';
  const told = await print(
    `cd /tmp; git clone -q "https://git:$GIT_TOKEN@git.clients.test/git/project.git"; cd project
     head -c 300000 /dev/urandom > big; git add big; git ${identity} commit -qm second
     git push -q; git fetch -q; git status -sb; cat .git/config`,
  );
  expect(told).toContain('## main...origin/main\n');
  expect(told).not.toContain(GIT_TOKEN);
  const { repository } = sandbox.servers;
  expect(subjectsOf(repository)).toEqual(['second', 'first']);
  execFileSync('git', ['-C', repository, 'fsck', '--strict'], { stdio: 'pipe' });
});

it('an update of the policy reaches connections that are open, and commands that start later', async () => {
  const { vm, servers, events } = sandbox;
  const { policy } = vm.network;
  const api = 'https://api.clients.test';
  const get = (variable: string) =>
    `curl -sS -o /dev/null -w '%{http_code}\\n' -H "authorization: Bearer $${variable}"`;
  // Its connections stay open: redis greets nobody, and node asks again on the one it has.
  const line = `exec 3<>/dev/tcp/redis.clients.test/6379; printf '*1\\r\\n$4\\r\\nPING\\r\\n' >&3; head -1 <&3; cat <&3; echo lost`;
  const open = vm.exec(['/bin/bash', '-c', line], { stdout: 'pipe' });
  const lines = open.lines()[Symbol.asyncIterator]();
  expect((await lines.next()).value?.trim()).toBe('+PONG');
  await vm.network.update({
    allowedHosts: policy.allowedHosts.filter((host) => !host.startsWith('redis')),
    secrets: {
      API_TOKEN: { value: 'tok+api/rotated-77' },
      ADDED: { value: 'an-added-value', hosts: ['api.clients.test'] },
    },
  });
  expect((await lines.next()).value).toBe('lost');
  expect((await lines.next()).done).toBe(true);
  expect(await open).toMatchObject({ exitCode: 0 });
  expect(events.at(-1)).toMatchObject({ kind: 'connection_end', host: 'redis.clients.test' });
  expect(await print(`${get('API_TOKEN')} ${api}/rotated; ${get('ADDED')} ${api}/added`)).toBe(
    '200\n200\n',
  );
  const sent = (path: string) =>
    servers.seen.findLast((request) => request.path === path)?.headers.authorization;
  expect(sent('/rotated')).toBe('Bearer tok+api/rotated-77');
  expect(sent('/added')).toBe('Bearer an-added-value');
  const started = vm.exec(
    `until [ -e /tmp/revoked ]; do sleep 0.1; done; curl -sS -H "x-key: $ADDED" ${api}`,
  );
  await vm.network.update({ allowedHosts: policy.allowedHosts, secrets: { ADDED: null } });
  expect(await print('touch /tmp/revoked; echo "[$ADDED]"')).toBe('[]\n');
  expect((await started).stdout).toContain('secret ADDED was revoked');
  await vm.network.update({ secrets: { API_TOKEN: { value: API_TOKEN } } });
});
