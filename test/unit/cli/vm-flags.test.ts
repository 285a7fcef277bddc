import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import type { CliIo } from '../../../src/cli/io.ts';
import { planFromFlags, type VmFlags } from '../../../src/cli/vm-flags.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

function ioIn(cwd: string, env: CliIo['env'] = {}): CliIo {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  return { stdin, stdout, stderr, env, cwd, signal: new AbortController().signal };
}

function sandboxOf(flags: VmFlags, io = ioIn(temporaryDirectory())) {
  const [sandbox] = planFromFlags(flags, io).sandboxes;
  if (sandbox === undefined) throw new Error('the plan has no sandbox');
  return sandbox;
}

it('planFromFlags() without flags is a small VM with a writable root that reaches nothing', () => {
  const { vm, network, secrets, image } = sandboxOf({});
  expect(vm).toEqual({
    cpus: 1,
    memoryBytes: 512 * 2 ** 20,
    diskBytes: 0,
    root: 'memory',
    user: '',
    env: {},
    envOutputs: {},
    maskedEnv: [],
    workspace: '/root',
    timeoutMs: null,
    mounts: [],
    hide: [],
    ports: [],
  });
  expect({ network: network.allowedHosts, mode: network.mode, secrets }).toEqual({
    network: [],
    mode: 'allowlist',
    secrets: [],
  });
  expect(image.name).toBe('debian');
});

it('planFromFlags() reads --listen as ports: is read', () => {
  const { vm } = sandboxOf({ listen: ['3000', '[::1]:8000-8001:80-81', ':90'] });
  expect(vm.ports).toEqual([
    { host: '127.0.0.1', port: 3000, guestPort: 3000 },
    { host: '::1', port: 8000, guestPort: 80 },
    { host: '::1', port: 8001, guestPort: 81 },
    { host: '127.0.0.1', port: 0, guestPort: 90 },
  ]);
  expect(() => sandboxOf({ listen: ['localhost:80:80'] })).toThrow(
    expect.objectContaining({ code: 'CLI_USAGE', hint: 'Write 127.0.0.1 or [::1].' }),
  );
});

it('planFromFlags() reads each flag', () => {
  const cwd = temporaryDirectory();
  mkdirSync(join(cwd, 'a:b'));
  writeFileSync(join(cwd, 'file'), '');
  const io = ioIn(cwd, { INHERITED: 'x=y', TOKEN: 'the-value-of-it' });
  const flags = {
    cpus: '2',
    memory: '1GiB',
    timeout: '1m30s',
    user: 'nobody',
    cwd: '/work/',
    env: ['A=1,2', 'EMPTY=', 'INHERITED'],
    mountHostfs: ['a:b:/work', './file:/opt/file:ro'],
    mountMemfs: ['/scratch'],
    allowHost: ['*.example.com'],
    hostSecret: ['TOKEN@api.github.com,registry.example.com'],
  };
  const { vm, network, secrets } = sandboxOf(flags, io);
  expect(vm).toMatchObject({
    cpus: 2,
    memoryBytes: 2 ** 30,
    timeoutMs: 90_000,
    user: 'nobody',
    workspace: '/work',
    env: { A: '1,2', EMPTY: '', INHERITED: 'x=y' },
    maskedEnv: ['A', 'EMPTY', 'INHERITED'],
    mounts: [
      { kind: 'host', hostPath: join(cwd, 'a:b'), guestPath: '/work', isReadonly: false },
      { kind: 'host', hostPath: join(cwd, 'file'), guestPath: '/opt/file', isReadonly: true },
      { kind: 'memory', guestPath: '/scratch', sizeBytes: 2 ** 29 },
    ],
  });
  expect(network.allowedHosts).toEqual(['*.example.com', 'api.github.com', 'registry.example.com']);
  expect(secrets.map(({ name, hosts }) => ({ name, hosts }))).toEqual([
    { name: 'TOKEN', hosts: ['api.github.com', 'registry.example.com'] },
  ]);
  expect(JSON.stringify(secrets)).not.toContain('the-value-of-it');
});

it('planFromFlags() keeps project files out of reach of a guest that may write beside them', () => {
  const cwd = temporaryDirectory();
  mkdirSync(join(cwd, 'src'));
  const flags = { mountHostfs: ['src:/src', '.:/ro:ro'] };
  expect(planFromFlags(flags, ioIn(cwd)).authorityFiles).toEqual([
    join(cwd, 'gondolin.yaml'),
    join(cwd, 'gondolin.yml'),
    join(cwd, 'gondolin.lock'),
    join(cwd, 'src/gondolin.yaml'),
    join(cwd, 'src/gondolin.yml'),
    join(cwd, 'src/gondolin.lock'),
  ]);
});

it('planFromFlags() takes an image of --image before that of GONDOLIN_GUEST_DIR', () => {
  const cwd = temporaryDirectory();
  mkdirSync(join(cwd, 'one'));
  mkdirSync(join(cwd, 'two'));
  const io = ioIn(cwd, { GONDOLIN_GUEST_DIR: 'one' });
  expect(sandboxOf({}, io).image.recipe).toEqual({ kind: 'path', path: join(cwd, 'one') });
  const recipe = { kind: 'path', path: join(cwd, 'two') };
  expect(sandboxOf({ image: './two' }, io).image.recipe).toEqual(recipe);
  expect(sandboxOf({ image: 'debian' }, io).image.recipe.kind).toBe('debian');
  const reference = { kind: 'oci', source: 'team/app:1', pull: 'missing', digest: null };
  expect(sandboxOf({ image: 'team/app:1' }, io).image.recipe).toMatchObject(reference);
});

it.each<VmFlags>([
  { cpus: '0' },
  { cpus: '65' },
  { cpus: '1.5' },
  { memory: '1MiB' },
  { memory: 'much' },
  { timeout: '5' },
  { timeout: '0s' },
  { timeout: '9999h' },
  { image: 'alpine' },
  { image: './missing' },
  { image: 'team/app' },
  { cwd: 'relative' },
  { env: ['1A=x'] },
  { env: ['NOT_SET_ANYWHERE'] },
  { mountHostfs: ['.'] },
  { mountHostfs: ['.:relative'] },
  { mountHostfs: ['.:/work:rw'] },
  { mountHostfs: ['./missing:/work'] },
  { mountHostfs: ['.:/etc'] },
  { mountHostfs: ['.:/work'], mountMemfs: ['/work/'] },
  { mountMemfs: ['scratch'] },
  { mountMemfs: ['/proc/x'] },
  { allowHost: ['not a host'] },
  { hostSecret: ['TOKEN'] },
  { hostSecret: ['TOKEN=value@api.github.com'] },
])('planFromFlags() refuses %j', (flags) => {
  const codes = ['CLI_USAGE', 'VM_BAD_OPTION'];
  const planned = () => sandboxOf(flags);
  expect(planned).toThrow(expect.objectContaining({ code: expect.toBeOneOf(codes) }));
});

it('planFromFlags() leaves a missing directory of GONDOLIN_GUEST_DIR to whoever opens it', () => {
  const { image } = sandboxOf({}, ioIn('/', { GONDOLIN_GUEST_DIR: '/path/to/cache' }));
  expect(image.recipe).toEqual({ kind: 'path', path: '/path/to/cache' });
});

it('no error of a flag shows the value of a secret or variable', () => {
  const attempts: VmFlags[] = [
    { hostSecret: ['TOKEN=hunter2hunter2@api.github.com'] },
    { hostSecret: ['hunter2hunter2'] },
    { env: ['1=hunter2hunter2'] },
  ];
  for (const flags of attempts) {
    expect(() => sandboxOf(flags)).toThrow(/^(?!.*hunter2)/s);
  }
});
