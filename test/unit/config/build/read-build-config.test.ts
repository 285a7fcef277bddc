import { expect, it } from 'vitest';
import type { BuildConfig } from '../../../../src/config/build/build-config.ts';
import { readBuildConfig } from '../../../../src/config/build/read-build-config.ts';
import { ConfigError } from '../../../../src/config/config-error.ts';
import { filesOf } from '../../../fixtures/project-text.ts';

const access = filesOf({ '/p/layout': null, '/p/image.tar': 'tar' });

function read(text: string): BuildConfig {
  return readBuildConfig({ path: '/p/build-config.json', text }, access);
}

/** Its mistakes as `line:col code message`. */
function mistakes(text: string): string[] {
  try {
    read(text);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.issues.map(({ at, code, message }) => `${at.line}:${at.col} ${code} ${message}`);
  }
}

it('readBuildConfig() fills in what is left out', () => {
  expect(read('{}')).toEqual({
    arch: 'host',
    source: { kind: 'debian', release: 'host', packages: [], mirror: 'host' },
    rootfs: { label: 'gondolin-root', maxBytes: null },
    env: {},
    postBuild: { copy: [], commands: [], allowedHosts: [] },
  });
});

it('readBuildConfig() reads postBuild, with paths of the host from the file', () => {
  const postBuild = {
    copy: [{ src: './image.tar', dest: '/opt/a/../image.tar' }],
    ...{ commands: ['id', 'a && b'], allowedHosts: ['API.example.com'] },
  };
  expect(read(JSON.stringify({ postBuild })).postBuild).toEqual({
    copy: [{ hostPath: '/p/image.tar', guestPath: '/opt/image.tar' }],
    ...{ commands: ['id', 'a && b'], allowedHosts: ['api.example.com'] },
  });
  const wrong = (text: string) =>
    mistakes(`{"postBuild": ${text}}`).map((line) => line.split(' ')[1]);
  expect(wrong('{"copy": [{"src": "none", "dest": "/opt/x"}]}')).toEqual(['path_missing']);
  expect(wrong('{"copy": [{"src": "image.tar", "dest": "/run/x"}]}')).toEqual(['guest_path']);
  expect(wrong('{"copy": [{"src": "image.tar", "dest": "opt"}]}')).toEqual(['bad_value']);
  expect(wrong('{"allowedHosts": ["a b"]}')).toEqual(['host_pattern']);
  expect(wrong('{"command": []}')).toEqual(['unknown_key']);
});

it('readBuildConfig() reads every key of a Debian image', () => {
  const text = JSON.stringify({
    ...{ $schema: 'x', arch: 'aarch64', distro: 'debian', env: { A: '1', B: '' } },
    debian: {
      ...{ release: 'trixie', mirror: 'https://deb.example.com/debian' },
      rootfsPackages: ['git', 'curl', 'git'],
    },
    rootfs: { label: 'tools', sizeMb: 100 },
  });
  expect(read(text)).toEqual({
    arch: 'aarch64',
    source: {
      ...{ kind: 'debian', release: 'trixie', mirror: 'https://deb.example.com/debian' },
      packages: ['curl', 'git'],
    },
    rootfs: { label: 'tools', maxBytes: 100 * 2 ** 20 },
    env: { A: '1', B: '' },
    postBuild: { copy: [], commands: [], allowedHosts: [] },
  });
});

it('readBuildConfig() reads the Alpine image of the spec', () => {
  const text = `{
  "arch": "aarch64",
  "distro": "alpine",
  "alpine": {
    "version": "3.23.0",
    "kernelPackage": "linux-virt",
    "kernelImage": "vmlinuz-virt",
    "rootfsPackages": ["nodejs", "npm", "python3"],
    "initramfsPackages": []
  },
  "rootfs": { "label": "gondolin-root" }
}`;
  expect(read(text).source).toEqual({
    ...{ kind: 'alpine', version: '3.23.0', branch: null, mirror: null },
    packages: ['nodejs', 'npm', 'python3'],
  });
});

it('readBuildConfig() refuses another kernel and another first process, and says why', () => {
  const text = `{
  "distro": "alpine",
  "alpine": { "version": "3.23", "kernelPackage": "linux-lts", "kernelImage": "vmlinuz-lts" },
  "init": { "rootfsInit": "./init" }
}`;
  expect(mistakes(text)).toEqual([
    expect.stringMatching(/^3:51 unsupported_key alpine\.kernelPackage: .*"linux-virt" only$/),
    expect.stringMatching(/^3:79 unsupported_key alpine\.kernelImage: .*"vmlinuz-virt" only$/),
    expect.stringMatching(/^4:3 unsupported_key init: .*gondolin's agent/),
  ]);
});

it('readBuildConfig() takes an OCI image before a distribution, with its paths from the file', () => {
  const source = (oci: object) =>
    read(JSON.stringify({ distro: 'alpine', alpine: { version: '3.23' }, oci })).source;
  expect(source({ image: 'registry.example.com/app:1', pullPolicy: 'always' })).toEqual({
    ...{ kind: 'oci', image: 'registry.example.com/app:1', pull: 'always' },
  });
  expect(source({ image: 'oci-layout:./layout', pullPolicy: 'if-not-present' })).toEqual({
    ...{ kind: 'oci', image: 'oci-layout:/p/layout', pull: 'missing' },
  });
});

it('readBuildConfig() reads env as a list too; a value may have equals signs', () => {
  expect(read('{"env": ["A=1", "B=x=y", "C="]}').env).toEqual({ A: '1', B: 'x=y', C: '' });
});

it('readBuildConfig() reports every mistake at once, each at its place', () => {
  const text = `{
  "arch": "arm",
  "distro": "debian",
  "debian": { "rootfsPackage": ["git"] },
  "rootfs": { "sizeMb": "1" },
  "env": { "A-B": "1" },
  "post": {}
}`;
  expect(mistakes(text)).toEqual([
    '2:11 bad_value arch: got "arm", want x86_64 or aarch64',
    '4:15 unknown_key debian.rootfsPackage: unknown key',
    '5:25 wrong_type rootfs.sizeMb: got "1", want a whole number of MiB, 1 to 1048576',
    '6:12 bad_value env: got the key "A-B", want a name of letters, digits and underscores',
    '7:3 unknown_key post: unknown key',
  ]);
});

it('readBuildConfig() refuses an image that cannot be', () => {
  expect(mistakes('{"oci": {"image": "oci-layout:./none"}}')).toEqual([
    '1:19 path_missing oci.image: no directory at /p/none',
  ]);
  expect(mistakes('{"oci": {"image": "UPPER:1"}}')[0]).toContain('image_reference oci.image');
  expect(mistakes('{"oci": {}}')).toEqual(['1:9 missing_key oci: "image" is missing']);
});

it('readBuildConfig() names the place of a syntax error, and an empty file', () => {
  expect(mistakes('{\n  "arch": ')[0]).toMatch(/^2:\d+ yaml_syntax /);
  expect(mistakes('')).toEqual(['1:1 missing_key the file is empty']);
});
