import { expect, it } from 'vitest';
import { parseImageConfig } from '../../../../../src/image/oci/documents/image-config.ts';
import { parseDocument } from '../../../../../src/image/oci/documents/manifest.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: 1 };
const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest, size: 1 };
const manifest = { schemaVersion: 2, config, layers: [layer] };
const index = { schemaVersion: 2, manifests: [{ mediaType: '', digest, size: 1 }] };
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

it('a manifest of Docker is one of OCI with other types', () => {
  const docker = {
    ...{ schemaVersion: 2, mediaType: 'application/vnd.docker.distribution.manifest.v2+json' },
    config: { ...config, mediaType: 'application/vnd.docker.container.image.v1+json' },
    layers: [{ ...layer, mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip' }],
  };
  expect(parseDocument(bytes(docker), 'i')).toMatchObject({
    kind: 'manifest',
    layers: [{ digest }],
  });
});

const WRONG: readonly (readonly [string, unknown])[] = [
  ['no JSON', undefined],
  ['a list', []],
  ['the schema of before 2017', { schemaVersion: 1, fsLayers: [] }],
  ['neither layers nor manifests', { schemaVersion: 2 }],
  ['both layers and manifests', { ...manifest, ...index }],
  [
    'the type of an index on a manifest',
    { ...manifest, mediaType: 'application/vnd.oci.image.index.v1+json' },
  ],
  [
    'a digest of another kind',
    { ...manifest, config: { ...config, digest: `sha512:${'a'.repeat(128)}` } },
  ],
  ['a digest with a path', { ...manifest, layers: [{ ...layer, digest: 'sha256:../../etc' }] }],
  ['a negative size', { ...manifest, layers: [{ ...layer, size: -1 }] }],
  ['a size of a petabyte', { ...manifest, layers: [{ ...layer, size: 2 ** 50 }] }],
  ['a size that is not whole', { ...manifest, layers: [{ ...layer, size: 1.5 }] }],
  [
    'an artifact that is no image',
    { ...manifest, config: { ...config, mediaType: 'application/vnd.x+json' } },
  ],
  [
    'an encrypted layer',
    { ...manifest, layers: [{ ...layer, mediaType: `${layer.mediaType}+encrypted` }] },
  ],
  [
    'more layers than any image',
    { ...manifest, layers: Array.from({ length: 1001 }, () => layer) },
  ],
];

it.each(WRONG)('a manifest is refused for %s', (_name, value) => {
  const text = value === undefined ? Buffer.from('{') : bytes(value);
  const refused = expect.objectContaining({ code: 'IMAGE_MANIFEST_INVALID' });
  expect(() => parseDocument(text, 'i')).toThrow(refused);
});

const platform = { os: 'linux', architecture: 'amd64' };
const rootfs = { type: 'layers', diff_ids: [digest] };

it('a configuration without anything runs as root, without a command', () => {
  const nothing = {
    env: {},
    entrypoint: [],
    cmd: [],
    workingDir: '',
    user: '',
    exposedPorts: [],
    stopSignal: '',
  };
  for (const own of [undefined, null, {}, { Env: null, Cmd: null }]) {
    const parsed = parseImageConfig(bytes({ ...platform, rootfs, config: own }), 'x86_64', 'i');
    expect(parsed).toEqual({ diffIds: [digest], container: nothing });
  }
});

const WRONG_CONFIGS: readonly (readonly [string, object, string])[] = [
  ['for another processor', { ...platform, architecture: 'arm64' }, 'IMAGE_PLATFORM_MISSING'],
  ['for another system', { ...platform, os: 'windows' }, 'IMAGE_PLATFORM_MISSING'],
  [
    'with a NUL in a variable',
    { ...platform, config: { Env: ['A=\0'] } },
    'IMAGE_MANIFEST_INVALID',
  ],
  ['with a number as its command', { ...platform, config: { Cmd: [1] } }, 'IMAGE_MANIFEST_INVALID'],
  [
    'with a line end in its user',
    { ...platform, config: { User: 'a\nb' } },
    'IMAGE_MANIFEST_INVALID',
  ],
  ['without its layers', { ...platform, rootfs: {} }, 'IMAGE_MANIFEST_INVALID'],
];

it.each(WRONG_CONFIGS)('a configuration %s is refused', (_name, value, code) => {
  expect(() => parseImageConfig(bytes({ rootfs, ...value }), 'x86_64', 'i')).toThrow(
    expect.objectContaining({ code }),
  );
});
