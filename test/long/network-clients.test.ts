import { afterAll, beforeAll, expect, it } from 'vitest';
import { installNpm } from '../fixtures/guest-npm.ts';
import {
  type ClientSandbox,
  openClientSandbox,
  REFUSAL,
  TEXT,
} from '../fixtures/net/client-sandbox.ts';
import { type NpmRegistry, npmRegistry } from '../fixtures/net/host-sources.ts';
import { LONG_MACHINE } from '../fixtures/workload-image.ts';

let sandbox: ClientSandbox;
let registry: NpmRegistry;

beforeAll(async () => {
  registry = await npmRegistry();
  sandbox = await openClientSandbox(registry, LONG_MACHINE);
  await installNpm(sandbox.vm);
});

afterAll(() => sandbox?.close());

it("npm: installs from the machine's registry", async () => {
  const told = await sandbox.print(
    `mkdir -p /tmp/app; cd /tmp/app; echo '{"name":"app","version":"1.0.0"}' > package.json
     npm install --no-audit --no-fund picomatch >&2; node -p 'require("picomatch")("*.ts")("a.ts")'`,
    { npm_config_registry: registry.url },
  );
  expect(told).toBe('true\n');
});

it('npm says why its host is refused', async () => {
  const told = await sandbox.run('cd /tmp; npm view --fetch-retries 0 picomatch', {
    npm_config_registry: 'https://unlisted.clients.test/',
  });
  expect(told.exitCode).toBe(1);
  expect(told.stderr).toMatch(
    /403 Forbidden[^\n]*gondolin: blocked[^\n]*allowed_hosts: \["unlisted\.clients\.test"\]/,
  );
});

it('fetch of Node, events that come one by one, and its refusal', async () => {
  const line = 'node /clients/fetch.mjs https://api.clients.test';
  const told = JSON.parse(await sandbox.print(`${line} https://unlisted.clients.test/`));
  expect(told).toMatchObject({ status: 200, test: 'é', bytes: 300_000, chunks: 3 });
  expect(told.events).toBe([1, 2, 3].map((id) => `id: ${id}\ndata: event ${id}\n\n`).join(''));
  expect(told.denied).toEqual([403, expect.stringMatching(REFUSAL)]);
});

it('scripts that wait for a port see whether it is open', async () => {
  const told = await sandbox.print(
    `set +e
     tries() { for host in redis:6379 down:5432 unlisted:5432; do "$@" \${host%:*}.clients.test \${host#*:} 2> /tmp/err; echo $?; done; }
     tries nc -z -w 20
     tries bash -c 'exec 3<> /dev/tcp/$0/$1'
     pg_isready -q -t 2 -h down.clients.test; echo $?
     pg_isready -q -t 2 -h full.clients.test; echo $?`,
  );
  // pg_isready: 2 is "no response".
  expect(told.trim().split('\n').map(Number)).toEqual([0, 1, 1, 0, 1, 1, 2, 2]);
});

it("apt-get: updates and installs from the host's mirror", async () => {
  // The index of the security updates is small: that of the release takes 40 s under TCG.
  const apt = `DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o Dir::Etc::SourceList=/tmp/apt.list`;
  const told = await sandbox.print(
    `grep security /etc/apt/sources.list > /tmp/apt.list
     ${apt} update >&2
     index=$(${apt} indextargets --format '$(FILENAME)' 'Created-By: Packages')
     package=$(/usr/lib/apt/apt-helper cat-file $index | awk -v RS= '
       !/\\nDepends:/ && match($0, /\\nSize: [0-9]+/) {
         size = substr($0, RSTART + 7, RLENGTH - 7) + 0
         if (smallest == 0 || size < smallest) { smallest = size; name = $2 }
       }
       END { print name }')
     ${apt} install --no-install-recommends "$package" >&2
     dpkg -s "$package"`,
  );
  expect(told).toContain('Status: install ok installed');
});

it('Python requests, and its refusal', async () => {
  const line = 'python3 /clients/fetch_requests.py https://web.clients.test';
  const told = JSON.parse(await sandbox.print(`${line} https://unlisted.clients.test/`));
  expect(told).toMatchObject({ status: 200, length: TEXT.length, bytes: 2_000 });
  expect(told.denied).toEqual([403, expect.stringMatching(REFUSAL)]);
});

it('apt-get says why its host is refused', async () => {
  const list = '-o Dir::Etc::sourcelist=/tmp/unlisted.list -o Dir::State::lists=/tmp/lists';
  const told = await sandbox.run(
    `echo 'deb https://unlisted.clients.test/debian stable main' > /tmp/unlisted.list; mkdir -p /tmp/lists/partial
     apt-get ${list} update 2>&1`,
  );
  expect(told.stdout).toMatch(
    /unlisted\.clients\.test\/debian stable InRelease[\s\S]*403 +Forbidden/,
  );
});

it('calls with trailers over HTTP/2, as gRPC makes them', async () => {
  const told = JSON.parse(await sandbox.print('node /clients/grpc.mjs https://grpc.clients.test'));
  expect(told).toEqual([
    { status: 200, grpcStatus: '0', text: 'FIRST SECOND' },
    { status: 200, grpcStatus: '5', text: '' },
  ]);
});

it('WebSocket messages both ways, and its refusal', async () => {
  const urls = 'wss://api.clients.test/socket wss://unlisted.clients.test/socket';
  const told = await sandbox.print(`node /clients/websocket.cjs /modules/ws ${urls}`);
  expect(
    told
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([
    ['hello', 100_000, 1000],
    ['Unexpected server response: 403', 1006],
  ]);
});
