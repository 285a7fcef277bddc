import { expect, it } from 'vitest';
import { defaultConfig, mergeConfig, type VMConfig } from '../../../src/config/go/vm-config.ts';
import { MemoryProvider } from '../../../src/vfs/memory-provider.ts';
import { OverlayProvider } from '../../../src/vfs/overlay-provider.ts';
import { ReadonlyProvider } from '../../../src/vfs/readonly-provider.ts';
import { RealFSProvider } from '../../../src/vfs/real-fs-provider.ts';
import { toVMOptions } from '../../../src/vm/config-options.ts';

it('toVMOptions() converts resources, variables, mounts, and the network with its secrets', () => {
  const options = toVMOptions(
    mergeConfig(defaultConfig(), {
      image: './image',
      resources: { cpus: 2, memory_mb: 1024 },
      env: { CI: '1' },
      network: {
        allowed_hosts: ['registry.example.com'],
        block_private_ips: false,
        secrets: { TOKEN: { value: 'example-value', hosts: ['api.github.com'] } },
      },
      vfs: {
        workspace: '/src',
        direct_mounts: { '/src': { host_path: '/', readonly: true } },
        mounts: { '/tmp/a': { type: 'memory' }, '/b': { type: 'real_fs', host_path: '/' } },
      },
    }),
  );
  expect(options).toMatchObject({ cpus: 2, memory: '1024MiB', env: { CI: '1' }, cwd: '/src' });
  expect(options.image).toEqual({ kind: 'path', path: `${process.cwd()}/image` });
  const { mounts = {} } = options.vfs ?? {};
  expect(Object.keys(mounts).toSorted()).toEqual(['/b', '/src', '/tmp/a']);
  expect(mounts['/src']).toBeInstanceOf(ReadonlyProvider);
  expect(mounts['/tmp/a']).toBeInstanceOf(MemoryProvider);
  expect(mounts['/b']).toBeInstanceOf(RealFSProvider);
  const { httpHooks, env } = options.httpHooks as { httpHooks: object; env: object };
  expect(httpHooks).toMatchObject({ network: { policy: { blockPrivateIps: false } } });
  expect(Object.keys(env)).toEqual(['TOKEN']);
});

it('toVMOptions() gives a config without network none, and the default its workspace in memory', () => {
  expect(toVMOptions({})).toEqual({ vfs: { mounts: {} } });
  const options = toVMOptions(defaultConfig());
  expect(options).toMatchObject({ cpus: 1, memory: '512MiB', cwd: '/workspace' });
  expect(options.vfs?.mounts?.['/workspace']).toBeInstanceOf(MemoryProvider);
});

it('toVMOptions() makes an overlay of two mounts, with memory above by default', () => {
  const below = { type: 'real_fs', host_path: '/' };
  const upper = { type: 'real_fs', host_path: '/tmp' };
  const { vfs } = toVMOptions({
    vfs: {
      mounts: {
        '/a': { type: 'overlay', lower: below },
        '/b': { type: 'overlay', upper, lower: { type: 'overlay', lower: below } },
        '/c': { type: 'overlay', lower: below, readonly: true },
      },
    },
  });
  const { '/a': plain, '/b': nested, '/c': readonly } = vfs?.mounts ?? {};
  const layersOf = (mount: unknown) => (mount as OverlayProvider).layers;
  expect(plain).toBeInstanceOf(OverlayProvider);
  expect(layersOf(plain).upper).toBeInstanceOf(MemoryProvider);
  expect(layersOf(nested).upper).toBeInstanceOf(RealFSProvider);
  expect(layersOf(nested).lower).toBeInstanceOf(OverlayProvider);
  expect(readonly).toBeInstanceOf(ReadonlyProvider);
});

const lower = { type: 'memory' };
const readonlyUpper = { type: 'overlay', lower, upper: { type: 'memory', readonly: true } };

it.each<[string, VMConfig]>([
  ['vfs.mounts["/a"].type', { vfs: { mounts: { '/a': { type: 'nfs' } } } }],
  ['vfs.mounts["/a"].lower', { vfs: { mounts: { '/a': { type: 'overlay' } } } }],
  ['vfs.mounts["/a"].upper.readonly', { vfs: { mounts: { '/a': readonlyUpper } } }],
  ['vfs.mounts["/a"].host_path', { vfs: { mounts: { '/a': { type: 'real_fs' } } } }],
  ['network.policy_script', { network: { policy_script: 'x.js' } }],
  [
    'network.secrets["T"].placeholder',
    { network: { secrets: { T: { value: 'v', placeholder: 'p', hosts: ['a.example.com'] } } } },
  ],
  ['image', { image: 'alpine' }],
])('toVMOptions() refuses what it cannot convert: %s', (field, config) => {
  let failure: unknown;
  try {
    toVMOptions(config);
  } catch (error) {
    failure = error;
  }
  expect(failure).toMatchObject({ code: 'CONFIG_INVALID' });
  expect(String(failure)).toContain(`invalid configuration: ${field}: `);
  expect(String(failure)).not.toContain("'v'");
});
