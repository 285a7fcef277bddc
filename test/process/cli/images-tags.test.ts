import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { directoryWith, runCli } from '../../fixtures/cli/run-cli.ts';
import { makeSmallImage } from '../../fixtures/small-image.ts';

const STATUS = [
  'Package: curl',
  'Status: install ok installed',
  'Maintainer: A Person <a@example.com>',
  'Architecture: amd64',
  'Source: curl (8.0)',
  'Version: 1:8.0-1+deb12u1',
  'Description: transfers a URL',
  ' and more of that',
  'Homepage: https://curl.example.com/',
  '',
  'Package: gone',
  'Status: deinstall ok config-files',
  'Architecture: amd64',
  'Version: 1',
  '',
].join('\n');
const APK =
  'C:Q1x=\nP:musl\nV:1.2.5-r0\nA:x86_64\nT:the libc\nU:https://musl.example.com\nL:MIT\no:musl\nm:A\n\n';

/** A directory with an image whose root has the databases of two package managers. */
function directoryWithImage(): string {
  const cwd = directoryWith();
  const root = join(cwd, 'root');
  for (const path of ['var/lib/dpkg', 'usr/lib/apk/db', 'etc', 'bin']) {
    mkdirSync(join(root, path), { recursive: true });
  }
  writeFileSync(join(root, 'var/lib/dpkg/status'), STATUS);
  writeFileSync(join(root, 'usr/lib/apk/db/installed'), APK);
  execFileSync('ln', ['-s', 'usr/lib', join(root, 'lib')]);
  writeFileSync(join(root, 'etc/os-release'), 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="D 12"\n');
  writeFileSync(join(root, 'etc/passwd'), 'me:x:7:7::/:/bin/sh\n');
  writeFileSync(join(root, 'bin/tool'), '#!/bin/sh\n', { mode: 0o755 });
  const squashfs = join(cwd, 'rootfs');
  const options = ['-comp', 'lz4', '-quiet', '-no-progress', '-all-root'];
  execFileSync('mksquashfs', [root, squashfs, ...options]);
  makeSmallImage(
    join(cwd, 'image'),
    { container: { ...NO_CONTAINER, env: { A: '1' }, user: 'me' } },
    readFileSync(squashfs),
  );
  return cwd;
}

const NO_CONTAINER = {
  ...{ env: {}, entrypoint: ['/bin/tool'], cmd: [], workingDir: '/', user: '' },
  ...{ exposedPorts: ['80/tcp'], stopSignal: 'SIGINT' },
};

it('images tag keeps an image under a name, which images, df, inspect and --image know, until untag', async () => {
  const cwd = directoryWithImage();
  const tagged = await runCli(['images', 'tag', './image', 'tools:2'], { cwd });
  expect([tagged.code, tagged.stdout], tagged.all).toEqual([
    0,
    expect.stringContaining('./image is tools:2 now'),
  ]);
  expect((await runCli(['images'], { cwd })).stdout).toMatch(/^tools:2 +tagged +test /m);
  expect((await runCli(['df'], { cwd })).stdout).toMatch(/^tagged +1 /m);
  const inspected = await runCli(['images', 'inspect', 'tools:2'], { cwd });
  expect(inspected.stdout).toMatch(/^ {2}kernel +6\.1\.0$/m);
  expect(inspected.stdout).toMatch(/^ {2}variable +A=1$/m);
  // Nothing removes it but untag.
  expect((await runCli(['prune', '--all'], { cwd })).code).toBe(0);
  const again = await runCli(['images', 'tag', 'tools:2', 'tools'], { cwd });
  expect(again.code, again.all).toBe(0);
  writeFileSync(
    join(cwd, 'gondolin.yaml'),
    'images: { t: { tag: "tools:2" } }\nimage: t\nsteps: [ls]\n',
  );
  const plan = JSON.parse((await runCli(['plan', '--format', 'json'], { cwd })).stdout);
  const path = join(cwd, 'state/gondolin/tagged-images/tools@2');
  expect(plan.sandboxes[0].image.recipe).toEqual({ kind: 'path', path });
  expect(existsSync(join(path, 'rootfs.squashfs'))).toBe(true);
  const gone = await runCli(['images', 'untag', 'tools', 'tools:2'], { cwd });
  expect(gone.stdout).toBe('removed the image tools\nremoved the image tools:2\n');
  expect(readdirSync(join(cwd, 'state/gondolin/tagged-images'))).toEqual([]);
  const missing = await runCli(['run'], { cwd });
  expect(missing.code).toBe(2);
  expect(missing.stderr).toContain('Guest image not found at: ');
  expect(missing.stderr).toContain('gondolin build --tag NAME');
});

it('images export writes a layout that skopeo, umoci and images import read, and the same one twice', async () => {
  const cwd = directoryWithImage();
  const run = async (...args: string[]) => {
    const outcome = await runCli(['images', ...args], { cwd });
    expect(outcome.code, outcome.all).toBe(0);
    return outcome.stdout;
  };
  const first = JSON.parse(await run('export', './image', 'out', '--format', 'json'));
  const second = JSON.parse(await run('export', './image', 'out', '--format', 'json'));
  expect(second).toEqual(first);
  const inspected = execFileSync('skopeo', ['inspect', '--config', `oci:${join(cwd, 'out')}`]);
  expect(JSON.parse(inspected.toString())).toMatchObject({
    ...{ os: 'linux', architecture: 'amd64' },
    config: {
      ...{ User: 'me', Env: ['A=1'], Entrypoint: ['/bin/tool'], WorkingDir: '/' },
      ...{ ExposedPorts: { '80/tcp': {} }, StopSignal: 'SIGINT' },
    },
  });
  const image = `${join(cwd, 'out')}:image`;
  execFileSync('umoci', ['unpack', '--rootless', '--image', image, join(cwd, 'bundle')]);
  execFileSync('diff', ['-r', '--no-dereference', join(cwd, 'root'), join(cwd, 'bundle/rootfs')]);
  const archive = `docker-archive:${join(cwd, 'saved.tar')}:tool:1`;
  execFileSync('skopeo', ['copy', '--quiet', `oci:${image}`, archive]);
  const inLayout = await runCli(['images', 'inspect', `oci-layout:out:image`], { cwd });
  expect(inLayout.stdout).toContain(first.digest);
  const wrong = await runCli(['images', 'export', './image', 'root'], { cwd });
  expect(wrong.stderr).toContain('IMAGE_OUTPUT_OCCUPIED');
});

it('images sbom lists the packages of dpkg and apk as SPDX 2.3', async () => {
  const cwd = directoryWithImage();
  const env = { SOURCE_DATE_EPOCH: '1700000000' };
  const { code, stdout, stderr } = await runCli(['images', 'sbom', './image'], { cwd, env });
  expect([code, stderr]).toEqual([0, '']);
  const document = JSON.parse(stdout);
  expect(document).toMatchObject({
    ...{ spdxVersion: 'SPDX-2.3', dataLicense: 'CC0-1.0', SPDXID: 'SPDXRef-DOCUMENT' },
    documentNamespace: expect.stringMatching(
      /^urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
    ),
    creationInfo: { created: '2023-11-14T22:13:20Z' },
  });
  expect(document.packages.map((one: { name: string }) => one.name)).toEqual([
    './image',
    'linux',
    'musl',
    'curl',
  ]);
  expect(document.packages[3]).toEqual({
    ...{ SPDXID: 'SPDXRef-deb-curl-amd64', name: 'curl', versionInfo: '1:8.0-1+deb12u1' },
    ...{ downloadLocation: 'NOASSERTION', filesAnalyzed: false, copyrightText: 'NOASSERTION' },
    ...{ licenseConcluded: 'NOASSERTION', licenseDeclared: 'NOASSERTION' },
    ...{ supplier: 'Organization: A Person <a@example.com>', summary: 'transfers a URL' },
    ...{ homepage: 'https://curl.example.com/', sourceInfo: 'built from curl 8.0' },
    externalRefs: [
      {
        ...{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl' },
        referenceLocator: 'pkg:deb/debian/curl@1%3A8.0-1%2Bdeb12u1?arch=amd64&distro=debian-12',
      },
    ],
  });
  // Every relation is between elements of the document.
  const ids = new Set([
    'SPDXRef-DOCUMENT',
    ...document.packages.map((one: { SPDXID: string }) => one.SPDXID),
  ]);
  for (const { spdxElementId, relatedSpdxElement } of document.relationships) {
    expect(ids).toContain(spdxElementId);
    expect(ids).toContain(relatedSpdxElement);
  }
  expect((await runCli(['images', 'sbom', './image'], { cwd, env })).stdout).toBe(stdout);
});

it('images explains what it does not understand', async () => {
  const cwd = directoryWith();
  const cases = [
    [['tag', 'debian'], 'images tag IMAGE NAME'],
    [['tag', 'debian', 'No/Name'], 'IMAGE_TAG_INVALID'],
    [['tag', 'nothing', 'x'], 'there is no such image'],
    [['untag', 'nothing'], 'IMAGE_TAG_UNKNOWN'],
    [['import', './none'], 'there is nothing at'],
    [['sbom', 'none', '--format', 'text'], '--format'],
  ] as const;
  for (const [args, text] of cases) {
    const { code, stderr } = await runCli(['images', ...args], { cwd });
    expect([code, stderr], args.join(' ')).toEqual([2, expect.stringContaining(text)]);
  }
});
