import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { resolveDirectories } from '../../src/host/directories.ts';
import { AlpineMirror, writeKeys } from '../fixtures/alpine/alpine-mirror.ts';
import { buildPackage, makeKey, type PackageSpec } from '../fixtures/alpine/apk-package.ts';
import { baseSystem } from '../fixtures/alpine/base-system.ts';
import { directoryWith, runBuiltCli } from '../fixtures/cli/run-cli.ts';

const key = makeKey('tester@example.com-1.rsa.pub');

/** As Alpine's: only a script makes the links to its programs. */
const busybox: PackageSpec = {
  ...{ name: 'busybox', version: '1.37.0-r8', depends: ['alpine-baselayout'] },
  files: [
    { name: 'bin/busybox', mode: 0o755, content: readFileSync('/bin/busybox') },
    { name: 'bin/sh', type: '2', mode: 0o777, link: '/bin/busybox' },
  ],
  scripts: {
    'post-install': '#!/bin/busybox sh\nset -e\n/bin/busybox --install -s /bin\n',
    trigger: '#!/bin/busybox sh\necho "changed: $*" >> /var/triggered\n',
  },
  triggers: ['/bin', '/srv/*'],
};

/** A package whose files belong to a user that its script creates. */
const web: PackageSpec = {
  ...{ name: 'web', version: '2.0-r1', depends: ['busybox'] },
  files: [{ name: 'srv/www/log', mode: 0o640, userName: 'web', groupName: 'web', uid: 1000 }],
  scripts: {
    'pre-install': [
      '#!/bin/sh',
      'echo "web:x:90:91::/srv:/bin/false" >> /etc/passwd',
      'echo "web:x:91:" >> /etc/group',
      'exit 0\n',
    ].join('\n'),
    'post-install':
      '#!/bin/sh -e\nstat -c "%U:%G" /srv/www/log > /var/owner; echo "$1" >> /var/owner\n',
  },
};

/** Not in the image: a running guest adds it. */
const tool: PackageSpec = {
  ...{ name: 'tool', version: '3.1-r2', depends: ['busybox'] },
  files: [{ name: 'opt/tool', mode: 0o755, content: '#!/bin/sh\necho tool of the mirror\n' }],
};

/** A mirror with the base system and these packages. */
async function startMirror(...more: readonly PackageSpec[]): Promise<AlpineMirror> {
  const mirror = await AlpineMirror.start();
  onTestFinished(() => mirror.close());
  const base = baseSystem().filter(({ name }) => name !== 'busybox');
  const packages = [...base, busybox, ...more].map((spec) => buildPackage(spec, key));
  mirror.publish('main', packages, key);
  mirror.publish('community', [], key);
  return mirror;
}

it('an image of Alpine packages boots after their scripts have run in a VM, and a second build gives the same bytes', async () => {
  const mirror = await startMirror(web, tool);
  const cwd = directoryWith(`
name: alpine
images:
  small:
    alpine: { version: "3.23", packages: [web], mirror: "${mirror.url}", keys: ./keys }
sandboxes:
  small:
    image: small
    steps:
      - name: facts
        run: 'cat /etc/apk/world /var/owner /var/triggered; stat -c "%U %G %a %n" /srv/www/log /tmp; ls /lib/apk; readlink /bin/wc'
`);
  writeKeys(cwd, key);
  const run = async () => {
    const { code, stdout, all } = await runBuiltCli(['run', '--progress', 'plain'], { cwd });
    expect(code, all).toBe(0);
    const lines = stdout.split('\n').filter((line) => line.startsWith('[small facts] '));
    return lines.map((line) => line.slice(14));
  };
  const facts = await run();
  expect(facts).toEqual([
    ...['alpine-baselayout', 'alpine-keys', 'alpine-release', 'apk-tools', 'busybox'],
    ...['libc-utils', 'web', 'web:web', '2.0-r1', 'changed: /bin /srv/www'],
    ...['web web 640 /srv/www/log', 'root root 1777 /tmp', 'db', '/bin/busybox'],
  ]);
  const first = newestRootfs();
  rmSync(first.directory, { recursive: true });
  expect(await run()).toEqual(facts);
  expect(newestRootfs().sha256).toBe(first.sha256);
});

const ADD = `set -e
ls /etc/apk/keys
url=$(sed -n '1s,//[^/]*,//mirror.test,p' /etc/apk/repositories)/x86_64
wget -q -O /tmp/index "$url/APKINDEX.tar.gz"
version=$(tar xzOf /tmp/index APKINDEX | sed -n '/^P:tool$/,/^$/s/^V://p')
echo "V:$version"
wget -q -O /tmp/tool.apk "$url/tool-$version.apk"
tar xzf /tmp/tool.apk -C /
/opt/tool
if ! wget -q -O /dev/null http://other.test/; then echo 'other.test was refused'; fi
`;

// apk itself is in no package of Debian: this does by hand what `apk add` does with an image's own configuration.
it('a guest of an Alpine image finds, fetches and unpacks a package of its repositories through the allowlist', async () => {
  const mirror = await startMirror(tool);
  const cwd = directoryWith(`
name: alpine
images:
  small:
    alpine: { version: "3.23", mirror: "${mirror.url}", keys: ./keys }
sandboxes:
  small:
    image: small
    network: { allowed_hosts: [mirror.test], allowed_private: [127.0.0.1], extra_hosts: ["mirror.test:127.0.0.1:${mirror.port}"] }
    steps: [{ name: add, run: ${JSON.stringify(ADD)} }]
`);
  writeKeys(cwd, key);
  const { code, stdout, all } = await runBuiltCli(['run', '--progress', 'plain'], { cwd });
  expect(code, all).toBe(0);
  for (const line of [key.name, 'V:3.1-r2', 'tool of the mirror', 'other.test was refused']) {
    expect(stdout).toContain(`[small add] ${line}`);
  }
});

/** The entry of the cache that was made last. */
function newestRootfs() {
  const parent = join(resolveDirectories().images, 'rootfs');
  const entries = readdirSync(parent).flatMap((name) => {
    const directory = join(parent, name);
    const path = join(directory, 'manifest.json');
    if (!existsSync(path)) return [];
    const { title, createdAtMs, files } = JSON.parse(readFileSync(path, 'utf8'));
    const { sha256 } = files['rootfs.squashfs'];
    return title === 'alpine 3.23 + web' ? [{ directory, createdAtMs, sha256 }] : [];
  });
  const [newest] = entries.toSorted((a, b) => b.createdAtMs - a.createdAtMs);
  if (newest === undefined) throw new Error('no image was built');
  return newest;
}
