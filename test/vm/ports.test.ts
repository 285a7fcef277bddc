import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { VM } from 'gondolin';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { BUILT_BIN, directoryWith, runBuiltCli } from '../fixtures/cli/run-cli.ts';
import { IS_FULL_LOAD } from '../fixtures/full-load.ts';
import { WORKLOAD_MACHINE } from '../fixtures/workload-image.ts';

const SERVERS = join(import.meta.dirname, '../fixtures/ingress/guest_servers.py');
const MIB = 2 ** 20;

let vm: VM;

beforeAll(async () => {
  vm = await VM.create({ ...WORKLOAD_MACHINE, user: '1000' });
  await vm.fs.writeFile('/tmp/servers.py', readFileSync(SERVERS));
  const servers = vm.exec(['python3', '/tmp/servers.py'], { stdout: 'pipe' });
  servers.catch(() => undefined);
  if (servers.stdout !== null) await once(servers.stdout, 'data');
});

afterAll(() => vm?.close());

/** Starts the built CLI in a project, and resolves once it has printed `text`, with what it printed. */
async function runUntil(text: string, cwd: string, ...args: string[]) {
  const env = { ...process.env, CI: '1', NO_COLOR: '1' };
  const child = spawn(process.execPath, [BUILT_BIN, ...args], { cwd, env });
  onTestFinished(() => {
    child.kill('SIGTERM');
  });
  const closed = once(child, 'close');
  let printed = '';
  const ended = closed.then(([code]) => Promise.reject(new Error(`exit ${code}: ${printed}`)));
  ended.catch(() => undefined);
  const found = new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk) => {
      printed += chunk;
      if (printed.includes(text)) resolve();
    });
  });
  await Promise.race([found, ended]);
  return { printed, exitCode: closed.then(([code]) => Number(code)) };
}

/** Connects to a port of this machine. */
function dial({ host, port }: { host: string; port: number }): Socket {
  const socket = connect({ host, port, allowHalfOpen: true });
  onTestFinished(() => {
    socket.destroy();
  });
  return socket;
}

/** Reads to the end of the other side. */
async function readAll(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  await once(socket, 'end');
  return text;
}

it('expose leads to servers on 127.0.0.1, ::1 and every address of the guest', async () => {
  const [echo, six, web] = await Promise.all([vm.expose(8001), vm.expose(8002), vm.expose(8003)]);
  const client = dial(echo);
  client.end('half closed');
  expect(await readAll(client)).toBe('half closed');
  expect(await readAll(dial(six))).toBe('six');
  expect(await (await fetch(`${web.url}/x`)).json()).toMatchObject({ method: 'GET', url: '/x' });
  expect(vm.exposedPorts.map(({ guestPort }) => guestPort)).toEqual([8001, 8002, 8003]);
  await Promise.all([echo.close(), six.close(), web.close()]);
  expect(vm.exposedPorts).toEqual([]);
});

it('expose resets a connection to a port where nothing listens', async () => {
  const client = dial(await vm.expose(8999));
  const [error] = await once(client, 'error');
  expect(error).toMatchObject({ code: 'ECONNRESET' });
});

it('expose serves 100 connections at once', async () => {
  const echo = await vm.expose(8001);
  const texts = await Promise.all(
    Array.from({ length: 100 }, (_, index) => {
      const client = dial(echo);
      client.end(`client ${index}`);
      return readAll(client);
    }),
  );
  expect(texts).toEqual(texts.map((_, index) => `client ${index}`));
});

const CARRIED_MIB = IS_FULL_LOAD ? 100 : 24;

it(`expose carries ${CARRIED_MIB} MiB each way, by length and checksum`, async () => {
  const { url } = await vm.expose(8003);
  const sent = Buffer.alloc(CARRIED_MIB * MIB, 'gondolin ');
  const up = await fetch(url, { method: 'POST', body: sent });
  expect(await up.json()).toMatchObject({
    md5: createHash('md5').update(sent).digest('hex'),
  });
  const down = await fetch(`${url}/zeros?mib=${CARRIED_MIB}`);
  let bytes = 0;
  let isZero = true;
  const zeros = Buffer.alloc(MIB);
  for await (const chunk of down.body ?? []) {
    isZero &&= zeros.subarray(0, chunk.length).equals(chunk);
    bytes += chunk.length;
  }
  expect({ bytes, isZero }).toEqual({ bytes: CARRIED_MIB * MIB, isZero: true });
});

it('ingress routes requests by the file of the guest, which its user may write', async () => {
  const ingress = await vm.enableIngress();
  expect((await fetch(ingress.url)).status).toBe(404);
  const written = await vm.exec(
    "printf '/web :8003\\n/raw :8003 strip_prefix=false\\n' > /etc/gondolin/listeners",
  );
  expect(written).toMatchObject({ exitCode: 0, stderr: '' });
  const get = async (path: string) => (await fetch(`${ingress.url}${path}`)).json();
  expect(await get('/web/a?b')).toMatchObject({
    url: '/a?b',
    headers: { 'x-forwarded-prefix': '/web', host: `127.0.0.1:${ingress.port}` },
  });
  expect(await get('/raw/a')).toMatchObject({ url: '/raw/a' });
  expect(await vm.getIngressRoutes()).toEqual([
    { prefix: '/web', port: 8003, stripPrefix: true },
    { prefix: '/raw', port: 8003, stripPrefix: false },
  ]);
});

it('ingress carries a WebSocket, and waits for a server that starts late', async () => {
  const { port, url } = await vm.enableIngress();
  await vm.setIngressRoutes([
    { prefix: '/', port: 8003 },
    { prefix: '/late', port: 8004 },
  ]);
  const client = new WebSocket(`ws://127.0.0.1:${port}/chat`);
  onTestFinished(() => client.terminate());
  await once(client, 'open');
  client.send('hello');
  expect(String((await once(client, 'message'))[0])).toBe('hello');
  const late = fetch(`${url}/late/x`);
  const server = vm.exec(['python3', '-m', 'http.server', '8004', '--bind', '::1'], {
    cwd: '/etc/gondolin',
  });
  server.catch(() => undefined);
  expect((await late).status).toBe(404);
  expect(await (await fetch(`${url}/late/listeners`)).text()).toContain('/late :8004\n');
});

it('a user of the guest cannot make the host read more than a routes file', async () => {
  const { url } = await vm.enableIngress();
  const statusOf = async (line: string, path: string) => {
    expect(await vm.exec(`cd /etc/gondolin; rm -rf listeners; ${line}`)).toMatchObject({
      exitCode: 0,
    });
    return (await fetch(`${url}/${path}`)).status;
  };
  await vm.setIngressRoutes([]);
  expect(await statusOf('ln -s /dev/zero listeners', 'a')).toBe(502);
  expect(await statusOf('mkfifo listeners', 'b')).toBeGreaterThanOrEqual(404);
  expect(await statusOf('mkdir listeners', 'c')).toBe(502);
});

it('gondolin run leads its ports: to the sandbox, and gondolin port prints them', async () => {
  const cwd = directoryWith(`
name: demo
sandboxes:
  app:
    ports: [0:8000]
    steps:
      - run: |
          exec perl -MIO::Socket::INET -e '
            $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => 8000, Listen => 5) or die;
            $| = 1; print "ready\\n"; $c = $s->accept; print $c "from the guest"; <$c>;'
`);
  const { printed, exitCode } = await runUntil('] ready\n', cwd, 'run', '--progress', 'plain');
  const [, shown = ''] = /=> port: (\S+) → app:8000\n/.exec(printed) ?? [];
  const port = await runBuiltCli(['port', 'app', '8000'], { cwd });
  expect(port).toMatchObject({ code: 0, stdout: `${shown}\n` });
  const [host = '', number = ''] = shown.split(':');
  const taken = await runBuiltCli(['run'], {
    cwd: directoryWith(`ports: [${number}]\nsteps: ['true']\n`),
  });
  expect(taken.code).toBe(125);
  expect(taken.all).toContain('INGRESS_PORT_IN_USE');
  const client = dial({ host, port: Number(number) });
  expect(String((await once(client, 'data'))[0])).toBe('from the guest');
  client.end();
  expect(await exitCode).toBe(0);
  const [refused] = await once(dial({ host, port: Number(number) }), 'error');
  expect(refused).toMatchObject({ code: 'ECONNREFUSED' });
});

it('ports end with the VM', async () => {
  const echo = await vm.expose(8001);
  const { url } = await vm.enableIngress();
  const client = dial(echo);
  client.write('x');
  await once(client, 'data');
  const ended = once(client, 'error');
  await vm.close();
  expect((await ended)[0]).toMatchObject({ code: 'ECONNRESET' });
  await expect(fetch(url)).rejects.toThrow('fetch failed');
  await expect(vm.expose(8001)).rejects.toMatchObject({ code: 'VM_NOT_RUNNING' });
});
