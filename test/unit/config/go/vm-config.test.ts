import { expect, it } from 'vitest';
import { parseConfig } from '../../../../src/config/go/parse-config.ts';
import {
  defaultConfig,
  getWorkspace,
  mergeConfig,
  type VMConfig,
} from '../../../../src/config/go/vm-config.ts';

const FULL: VMConfig = {
  image: 'debian',
  resources: { cpus: 2, memory_mb: 1024, disk_size_mb: 10, timeout_seconds: 60 },
  network: {
    allowed_hosts: ['a.test'],
    block_private_ips: true,
    secrets: { TOKEN: { value: 'v', placeholder: 'p', hosts: ['a.test'] } },
    policy_script: 'policy.js',
  },
  vfs: {
    workspace: '/src',
    direct_mounts: { '/data': { host_path: '/srv', readonly: true } },
    mounts: { '/src': { type: 'overlay', lower: { type: 'real_fs', host_path: '/srv' } } },
  },
  env: { CI: '1' },
};

it('parseConfig() reads what JSON.stringify() wrote, as text and as bytes', () => {
  const json = JSON.stringify(FULL);
  expect(parseConfig(json)).toEqual(FULL);
  expect(parseConfig(Buffer.from(json))).toEqual(FULL);
});

it('parseConfig() leaves unknown fields and null out', () => {
  expect(parseConfig('{"image": null, "vfs": {"mounts": null}, "other": 1}')).toEqual({ vfs: {} });
});

it.each([
  ['', 'it is not JSON'],
  ['[]', 'the whole: got a list, want an object'],
  ['{"resources":{"cpus":"s3cr3t"}}', 'resources.cpus: got a string, want an integer from 0'],
  ['{"resources":{"cpus":-1}}', 'resources.cpus: got a number'],
  ['{"env":{"A":1}}', 'env.A: got a number, want a string'],
  ['{"network":{"secrets":{"A":{"value":"s3cr3t"}}}}', 'network.secrets.A.hosts: got nothing'],
  ['{"vfs":{"mounts":{"/a":{}}}}', 'vfs.mounts./a.type: got nothing, want a string'],
])('parseConfig(%s) fails with CONFIG_INVALID that names the field', (json, problem) => {
  const parse = () => parseConfig(json);
  expect(parse).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  expect(parse).toThrow(`invalid configuration: ${problem}`);
  expect(parse).not.toThrow(/s3cr3t/);
});

it('parseConfig() refuses endless overlays', () => {
  const deep = `${'{"type":"overlay","lower":'.repeat(5_000)}{"type":"memory"}${'}'.repeat(5_000)}`;
  expect(() => parseConfig(`{"vfs":{"mounts":{"/a":${deep}}}}`)).toThrow('too many overlays');
});

it('defaultConfig() is that of the Go API', () => {
  expect(defaultConfig()).toEqual({
    resources: { cpus: 1, memory_mb: 512, disk_size_mb: 5120, timeout_seconds: 300 },
    network: { block_private_ips: true },
    vfs: { workspace: '/workspace', mounts: { '/workspace': { type: 'memory' } } },
  });
});

it('mergeConfig() takes resources one by one when above 0, and the rest as a whole', () => {
  const merged = mergeConfig(FULL, {
    image: '',
    resources: { cpus: 0, memory_mb: 2048 },
    network: {},
    env: { A: 'b' },
  });
  expect(merged).toEqual({
    ...FULL,
    resources: { cpus: 2, memory_mb: 2048, disk_size_mb: 10, timeout_seconds: 60 },
    network: {},
    env: { A: 'b' },
  });
  expect(mergeConfig({}, {})).toEqual({});
});

it('mergeConfig() neither changes its arguments nor shares them with the result', () => {
  const [base, other] = [structuredClone(FULL), structuredClone(FULL)];
  const merged = mergeConfig(base, other);
  expect([base, other]).toEqual([FULL, FULL]);
  expect(merged.network).not.toBe(other.network);
  expect(merged.vfs?.mounts?.['/src']).not.toBe(other.vfs?.mounts?.['/src']);
});

it.each([
  [{}, '/workspace'],
  [{ vfs: { workspace: '' } }, '/workspace'],
  [{ vfs: { workspace: '/src' } }, '/src'],
])('getWorkspace(%j) is %s', (config, want) => {
  expect(getWorkspace(config)).toBe(want);
});
