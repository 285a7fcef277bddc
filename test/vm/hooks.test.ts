import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createHttpHooks,
  MemoryProvider,
  RealFSProvider,
  VfsError,
  type VfsHooks,
  VM,
  type VMEvent,
  type VMOptions,
} from 'gondolin';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryDirectory } from '../fixtures/temporary-directory.ts';

const TOKEN = 'the-value-of-a-token';
const directory = mkdtempSync(join(tmpdir(), 'gondolin-test-'));
const files = new MemoryProvider();
const server = createServer((_request, response) => response.end('of the server'));
const seen: string[] = [];
const warnings: string[] = [];
const logged: string[] = [];
let openGate: () => void = () => undefined;
let reachGate: () => void = () => undefined;
const reached = new Promise<void>((resolve) => {
  reachGate = resolve;
});
const gate = new Promise<void>((resolve) => {
  openGate = resolve;
});

const hooks: VfsHooks = {
  before: async ({ op, path }) => {
    if (path === '/data/slow' && op === 'create') {
      reachGate();
      await gate;
    }
    if (op === 'unlink') throw new VfsError('EPERM');
  },
  after: ({ op, path }) => void seen.push(`${op} ${path}`),
  onRead: (path, data) => (path === '/data/text' ? `${data}`.toUpperCase() : undefined),
  onWrite: (path, data) => (path === '/host/short' ? data.subarray(1) : undefined),
  beforeOpen: (path) => {
    if (path.endsWith('/private')) throw new Error('not this one');
  },
};

let vm: VM;
let options: VMOptions;

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  files.writeFile('text', 'hello\n');
  writeFileSync(join(directory, 'private'), 'private\n');
  writeFileSync(join(directory, 'shown'), 'of the host\n');
  options = {
    vfs: { mounts: { '/data': files, '/host': new RealFSProvider(directory) }, hooks },
    // All that it returns, as document 001 has it.
    httpHooks: createHttpHooks({
      extraHosts: [{ name: 'api.test', address: '127.0.0.1', port }],
      secrets: { TOKEN: { hosts: ['api.test'], value: TOKEN } },
    }),
    sandbox: {
      debug: ['vfs', 'network'],
      debugLog: (...line) => void logged.push(line.join(': ')),
    },
    onWarning: (line) => warnings.push(line),
  };
  vm = await VM.create(options);
});

afterAll(async () => {
  await vm?.close();
  server.close();
  rmSync(directory, { recursive: true });
});

it('each read of a program reaches onRead, which replaces bytes of the right length', async () => {
  seen.length = 0;
  const { stdout } = await vm.exec(
    'cat /data/text /data/text; cp /data/text /data/copy; cat /data/copy',
  );
  expect(stdout).toBe('HELLO\nHELLO\nHELLO\n');
  expect(files.readFile('text').toString()).toBe('hello\n');
  expect(seen.filter((one) => one === 'read /data/text').length).toBeGreaterThanOrEqual(3);
  expect(seen).toContain('create /data/copy');
  expect(seen).toContain('write /data/copy');
  expect(seen).toContain('release /data/copy');
});

it('hooks refuse with EACCES or an errno of their own, and a mistake fails with EIO and warns once', async () => {
  const refused = await vm.exec(
    'cat /host/private; rm -f /data/copy; for i in 1 2; do echo abc > /host/short; done; cat /host/short',
  );
  expect(refused.stderr).toMatch(/private: Permission denied\n/);
  expect(refused.stderr).toMatch(/copy'?: Operation not permitted\n/);
  expect(refused.stderr.match(/I\/O error/g)).toHaveLength(2);
  expect(refused.stdout).toBe('');
  expect(warnings).toEqual([
    'vfs.hooks.onWrite failed: /host/short: it returned 3 bytes instead of 4 bytes',
  ]);
});

it('a slow hook holds only its request', async () => {
  const slow = vm.exec('echo made > /data/slow && cat /data/slow');
  await reached;
  expect((await vm.exec('cat /host/shown')).stdout).toBe('of the host\n');
  expect(files.readdir()).not.toContain('slow');
  openGate();
  expect((await slow).stdout).toBe('made\n');
});

it('a program starts from a mount with hooks; a private mapping works and a shared one fails with ENODEV', async () => {
  const map = (flags: number) =>
    `perl -e 'open(F, "<", "/data/text"); print syscall(9, 0, 6, 1, ${flags}, fileno(F), 0) == -1 ? 0+$! : "mapped"'`;
  const { stdout } = await vm.exec(
    `cp /bin/echo /host/program && /host/program started; ${map(2)}; echo; ${map(1)}`,
  );
  expect(stdout).toBe('started\nmapped\n19');
});

it('the names of the Go API lead to vm.fs and close', async () => {
  await vm.start();
  expect(vm.id).toMatch(/^[0-9a-f]{12}$/);
  await vm.exec('mkdir /tmp/d');
  await vm.writeFile('/tmp/d/program', '#!/bin/sh\necho ran\n', 0o755);
  expect((await vm.exec(['/tmp/d/program'])).stdout).toBe('ran\n');
  expect((await vm.readFile('/tmp/d/program')).length).toBe(19);
  const [file, ...others] = await vm.listFiles('/tmp/d');
  expect(others).toEqual([]);
  expect(file).toMatchObject({ name: 'program', size: 19, mode: 0o100755, is_dir: false });
  expect(file?.mod_time.getFullYear()).toBeGreaterThan(2000);
});

it('events() gives requests, operations on files and commands, without secrets, and ends with the VM', async () => {
  const heard: VMEvent[] = [];
  const events = vm.events();
  const request = `exec 3<>/dev/tcp/api.test/80
    printf 'GET /hi HTTP/1.1\\r\\nHost: api.test\\r\\nConnection: close\\r\\n\\r\\n' >&3; cat <&3`;
  const asked = await vm.exec(['bash', '-c', request]);
  expect(asked.stdout).toMatch(/^HTTP\/1\.1 200 OK/);
  await vm.exec(
    `bash -c 'echo > /dev/tcp/blocked.test/80' 2> /dev/null; echo ${TOKEN} > /data/note; exit 3`,
  );
  for await (const event of events) {
    heard.push(event);
    if (event.type === 'exec' && event.exec.exit_code === 3) break;
  }
  expect(heard).toContainEqual({
    type: 'network',
    timestamp: expect.any(Number),
    network: expect.objectContaining({
      ...{ method: 'GET', url: 'http://api.test/hi', host: 'api.test', status_code: 200 },
      ...{ response_bytes: 13, blocked: false },
    }),
  });
  expect(heard).toContainEqual({
    type: 'file',
    timestamp: expect.any(Number),
    file: { op: 'write', path: '/data/note', size: TOKEN.length + 1 },
  });
  const commands = heard.flatMap((event) => (event.type === 'exec' ? [event.exec] : []));
  expect(commands).toEqual([
    { command: expect.stringContaining('/dev/tcp/api.test/80'), exit_code: 0 },
    { command: expect.stringContaining('echo [secret TOKEN] >'), exit_code: 3 },
  ]);
  expect(JSON.stringify(heard)).not.toContain(TOKEN);
  expect(logged).toContain('net: GET http://api.test/hi 200');
  expect(logged).toContain('vfs: write /data/note');
});

it('a restored VM calls the hooks of its own options, with the paths of files opened before', async () => {
  const from = join(temporaryDirectory(), 'saved');
  mkdirSync(from);
  const loop = 'while [ ! -e /data/go ]; do sleep 0.1; done; echo late >&3; touch /data/done';
  await vm.exec(`mkdir /host/logs; (exec 3>> /host/logs/log; ${loop}) > /dev/null 2>&1 &`);
  await vm.save(from);
  const own: string[] = [];
  const restored = await VM.create({
    ...options,
    from,
    vfs: {
      mounts: { '/data': new MemoryProvider(), '/host': new RealFSProvider(directory) },
      hooks: { afterWrite: (path, n) => void own.push(`${path} ${n}`) },
    },
  });
  const ended = restored.events();
  try {
    await restored.exec('touch /data/go; while [ ! -e /data/done ]; do sleep 0.1; done');
    expect(own).toEqual(['/host/logs/log 5']);
    expect(readFileSync(join(directory, 'logs/log'), 'utf8')).toBe('late\n');
  } finally {
    await restored.stop();
  }
  await expect(restored.start()).rejects.toMatchObject({ code: 'VM_NOT_RUNNING' });
  const types = new Set<string>();
  for await (const { type } of ended) types.add(type);
  expect(types).toEqual(new Set(['exec', 'file']));
});
