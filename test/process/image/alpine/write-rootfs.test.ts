import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { buildAlpine } from '../../../fixtures/alpine/alpine-image.ts';
import { AlpineMirror, writeKeys } from '../../../fixtures/alpine/alpine-mirror.ts';
import { buildPackage, makeKey, type PackageSpec } from '../../../fixtures/alpine/apk-package.ts';
import type { RawEntry } from '../../../fixtures/oci/raw-tar.ts';
import { temporaryDirectory } from '../../../fixtures/temporary-directory.ts';

const key = makeKey('tester@example.com-1.rsa.pub');
const key2 = makeKey('tester@example.com-2.rsa.pub');
let mirror: AlpineMirror;
let directory: string;
let keysDirectory: string;

beforeEach(async () => {
  mirror = await AlpineMirror.start();
  onTestFinished(() => mirror.close());
  directory = temporaryDirectory();
  keysDirectory = writeKeys(directory, key, key2);
});

const dir = (name: string, more: Partial<RawEntry> = {}): RawEntry => ({
  ...{ name: `${name}/`, type: '5', mode: 0o755, userName: 'root', groupName: 'root' },
  ...more,
});
const file = (name: string, content: string, more: Partial<RawEntry> = {}): RawEntry => ({
  ...{ name, content, userName: 'root', groupName: 'root', ...more },
});
const symlink = (name: string, link: string): RawEntry => ({ name, link, type: '2', mode: 0o777 });
const build = (packages: readonly string[], more = {}) =>
  buildAlpine({ mirror: mirror.url, keysDirectory, packages }, directory, more);
/** Serves packages from the first repository, and nothing from the second. */
function publish(...specs: readonly PackageSpec[]): void {
  mirror.publish(
    'main',
    specs.map((spec) => buildPackage(spec, key)),
    key,
  );
  mirror.publish('community', [], key);
}

/** The archive as tar lists it: `drwxr-xr-x 0/0 etc/`. */
function list(path: string): string[] {
  const output = execFileSync('tar', ['tvf', path, '--numeric-owner'], { encoding: 'utf8' });
  return output
    .trim()
    .split('\n')
    .map((line) => line.replace(/ +[0-9]+ [0-9-]+ [0-9:]+ /, ' '));
}

function read(path: string, name: string): string {
  return execFileSync('tar', ['xOf', path, name], { encoding: 'latin1' });
}

const SYSTEM: readonly PackageSpec[] = [
  {
    name: 'layout',
    version: '3.6-r0',
    files: [
      dir('bin'),
      dir('etc'),
      file('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nweb:x:80:81::/:/bin/false\n'),
      file('etc/group', 'root:x:0:root\nweb:x:81:\nshadow:x:42:\n'),
      file('etc/shadow', 'root:*::0:::::\n', { mode: 0o640, groupName: 'shadow' }),
      dir('tmp', { mode: 0o1777 }),
      symlink('var', 'tmp'),
    ],
    scripts: { 'post-install': '#!/bin/sh\nexit 0\n' },
  },
  {
    name: 'box',
    version: '1.37.0-r8',
    depends: ['layout'],
    provides: ['cmd:sh=1.37.0-r8', '/bin/sh'],
    files: [file('bin/box', 'ELF', { mode: 0o4755 }), symlink('bin/sh', '/bin/box')],
    scripts: { 'post-install': '#!/bin/box sh\n', trigger: '#!/bin/box sh\n' },
    triggers: ['/bin', '/usr/lib/*', '+/sbin'],
    signature: 'RSA256',
  },
];
const COMMUNITY: readonly PackageSpec[] = [
  {
    name: 'web',
    version: '2.0_rc1-r1',
    arch: 'noarch',
    depends: ['cmd:sh', 'so:libweb.so.2'],
    files: [
      file('srv/index.html', 'hello', { userName: 'web', groupName: 'web', uid: 1000, gid: 1000 }),
      file('srv/log', '', { userName: 'weblog', groupName: 'shadow', uid: 1001, mode: 0o2750 }),
    ],
    scripts: {
      'pre-install': '#!/bin/sh\nadduser -S weblog\n',
      'post-install': '#!/bin/sh\n',
      'pre-deinstall': '#!/bin/sh\n',
    },
  },
  {
    name: 'libweb',
    version: '2.1-r0',
    provides: ['so:libweb.so.2=2.1'],
    files: [file('usr/lib/web/libweb.so.2', 'lib'), file('usr/lib/other/x', '1')],
  },
  { name: 'web-doc', version: '2.0_rc1-r1', installIf: ['web=2.0_rc1-r1', 'layout'], files: [] },
];

function publishSystem(): void {
  mirror.publish(
    'main',
    SYSTEM.map((spec) => buildPackage(spec, key)),
    key,
    'RSA',
  );
  mirror.publish(
    'community',
    COMMUNITY.map((spec) => buildPackage(spec, key2)),
    key2,
    'RSA256',
  );
}

it('packages of two repositories become one archive with owners by name, the databases of apk and its scripts', async () => {
  publishSystem();
  const { plan, scripts, tarPath } = await build(['web', 'box']);
  expect(plan.packages.map(({ name, version }) => `${name}-${version}`)).toEqual([
    ...['layout-3.6-r0', 'box-1.37.0-r8', 'libweb-2.1-r0', 'web-2.0_rc1-r1', 'web-doc-2.0_rc1-r1'],
  ]);
  expect(plan.packages[3]?.url).toBe(`${mirror.url}/v3.23/community/x86_64/web-2.0_rc1-r1.apk`);
  expect(
    list(tarPath)
      .filter((line) => !/ etc\/apk| lib(?:\/|$)/.test(line))
      .toSorted(),
  ).toEqual(
    [
      'drwxr-xr-x 0/0 bin',
      'lrwxrwxrwx 0/0 bin/sh -> /bin/box',
      'drwxr-xr-x 0/0 etc',
      'drwxr-xr-x 0/0 srv',
      '-rwxr-s--- 1001/42 srv/log',
      'drwxrwxrwt 0/0 tmp',
      'drwxr-xr-x 0/0 usr',
      'drwxr-xr-x 0/0 usr/lib',
      'drwxr-xr-x 0/0 usr/lib/other',
      'drwxr-xr-x 0/0 usr/lib/web',
      'lrwxrwxrwx 0/0 var -> tmp',
      '-rw-r--r-- 0/0 etc/group',
      '-rw-r--r-- 0/0 etc/passwd',
      '-rw-r----- 0/42 etc/shadow',
      '-rwsr-xr-x 0/0 bin/box',
      '-rw-r--r-- 0/0 usr/lib/other/x',
      '-rw-r--r-- 0/0 usr/lib/web/libweb.so.2',
      '-rw-r--r-- 80/81 srv/index.html',
    ].toSorted(),
  );
  expect(read(tarPath, 'etc/apk/world')).toBe('box\nweb\n');
  expect(read(tarPath, 'etc/apk/arch')).toBe('x86_64\n');
  expect(read(tarPath, 'etc/apk/repositories')).toBe(
    `${mirror.url}/v3.23/main\n${mirror.url}/v3.23/community\n`,
  );
  expect(read(tarPath, `etc/apk/keys/${key.name}`)).toBe(key.publicPem);
  expect(read(tarPath, `etc/apk/keys/${key2.name}`)).toBe(key2.publicPem);
  expect(scripts.map(({ package: of, kind, args }) => [of, kind, ...args].join(' '))).toEqual([
    'layout-3.6-r0 post-install 3.6-r0',
    'box-1.37.0-r8 post-install 1.37.0-r8',
    'web-2.0_rc1-r1 pre-install 2.0_rc1-r1',
    'web-2.0_rc1-r1 owners 2.0_rc1-r1',
    'web-2.0_rc1-r1 post-install 2.0_rc1-r1',
    'box-1.37.0-r8 trigger /bin /usr/lib/other /usr/lib/web',
  ]);
  for (const { path, content } of scripts) {
    expect(read(tarPath, path.slice(1))).toBe(content.toString('latin1'));
  }
  expect(scripts[3]?.content.toString()).toContain("chown -h 'weblog' '/srv/log'");
});

it('the databases have the form in which apk writes them', async () => {
  publishSystem();
  const { tarPath, plan } = await build(['web']);
  const sums = new Map(plan.packages.map(({ name, checksum }) => [name, checksum]));
  const sha1 = (text: string) => createHash('sha1').update(text).digest('base64');
  const records = read(tarPath, 'lib/apk/db/installed').split('\n\n');
  expect(records).toHaveLength(plan.packages.length + 1);
  const box = records.find((record) => record.includes('\nP:box\n'))?.split('\n');
  const size = plan.packages.find(({ name }) => name === 'box')?.sizeBytes;
  expect(box).toEqual([
    ...[`C:${sums.get('box')}`, 'P:box', 'V:1.37.0-r8', 'A:x86_64', `S:${size}`, 'I:4096'],
    ...['T:The package box', 'U:https://example.com', 'L:MIT', 'o:box'],
    ...['m:A Tester <tester@example.com>', 't:1700000000', 'D:layout'],
    'p:cmd:sh=1.37.0-r8 /bin/sh',
    ...['F:bin', 'R:box', 'a:0:0:4755', `Z:Q1${sha1('ELF')}`],
    ...['R:sh', 'a:0:0:777', `Z:Q1${sha1('/bin/box')}`],
  ]);
  const layout = records.find((record) => record.includes('\nP:layout\n'));
  expect(layout).toContain('\nF:tmp\nM:0:0:1777\n');
  expect(layout).toContain(`\nF:\nR:var\na:0:0:777\nZ:Q1${sha1('tmp')}`);
  expect(layout).toContain('\nR:shadow\na:0:42:640\n');
  expect(read(tarPath, 'lib/apk/db/triggers')).toBe(`${sums.get('box')} /bin /usr/lib/* +/sbin\n`);
  const scripts = execFileSync('sh', [
    '-c',
    `tar xOf "$0" lib/apk/db/scripts.tar | tar t`,
    tarPath,
  ]);
  const hex = (name: string) =>
    Buffer.from(sums.get(name)?.slice(2) ?? '', 'base64').toString('hex');
  expect(scripts.toString().trim().split('\n')).toEqual([
    `layout-3.6-r0.X1${hex('layout')}.post-install`,
    `box-1.37.0-r8.X1${hex('box')}.post-install`,
    `box-1.37.0-r8.X1${hex('box')}.trigger`,
    `web-2.0_rc1-r1.X1${hex('web')}.pre-install`,
    `web-2.0_rc1-r1.X1${hex('web')}.post-install`,
    `web-2.0_rc1-r1.X1${hex('web')}.pre-deinstall`,
  ]);
});

it('two builds give the same bytes, and the second one downloads no package again', async () => {
  publishSystem();
  const first = await build(['web']);
  const count = () => mirror.requests.filter((url) => url.includes('.apk')).length;
  expect(count()).toBe(5);
  const second = await build(['web'], { name: 'second' });
  expect(count()).toBe(5);
  const elsewhere = temporaryDirectory();
  const request = { mirror: mirror.url, keysDirectory, packages: ['web'] };
  const third = await buildAlpine(request, elsewhere);
  expect(count()).toBe(10);
  const digests = [first, second, third].map(({ plan, tarPath }) => [
    plan.digest,
    createHash('sha256').update(readFileSync(tarPath)).digest('hex'),
  ]);
  expect(digests[1]).toEqual(digests[0]);
  expect(digests[2]).toEqual(digests[0]);
});

it('a connection that breaks is tried again', async () => {
  publish({ name: 'big', version: '1', files: [file('big', 'content')] });
  let isBroken = false;
  mirror.fault = (request, response) => {
    if (!request.url?.endsWith('.apk') || isBroken) return false;
    isBroken = true;
    response.destroy();
    return true;
  };
  const { tarPath } = await build(['big']);
  expect(read(tarPath, 'big')).toBe('content');
});

const noise = randomBytes(150_000).toString('hex');

it('bytes of an earlier run are kept, and wrong ones among them are found', async () => {
  const spec = { name: 'big', version: '1', files: [file('big', noise)] };
  const { bytes } = buildPackage(spec, key);
  publish(spec);
  let breakOff = () => undefined as unknown;
  const breakAfter = (part: Buffer) => {
    let isFirst = true;
    mirror.fault = (request, response) => {
      if (!request.url?.endsWith('.apk')) return false;
      response.writeHead(isFirst ? 200 : 503, isFirst ? { 'content-length': bytes.length } : {});
      if (isFirst) response.write(part);
      else response.end();
      if (isFirst) breakOff = () => response.destroy();
      isFirst = false;
      return true;
    };
  };
  // Once some of it is on the disk.
  const onProgress = (phase: string, _message: string, fraction: number) => {
    if (phase === 'download' && fraction > 0) breakOff();
  };
  breakAfter(bytes.subarray(0, 120_000));
  const broken = { code: 'IMAGE_MIRROR_FAILED' };
  await expect(build(['big'], { onProgress })).rejects.toMatchObject(broken);
  mirror.fault = () => false;
  mirror.requests.length = 0;
  const { tarPath } = await build(['big']);
  expect(mirror.requests.filter((url) => url.includes('.apk'))).toEqual([
    expect.stringMatching(/ bytes=[1-9][0-9]*-$/),
  ]);
  expect(read(tarPath, 'big')).toBe(noise);
  // Another directory, with wrong bytes at the start.
  directory = temporaryDirectory();
  breakAfter(Buffer.alloc(120_000, 'wrong'));
  await expect(build(['big'], { onProgress })).rejects.toMatchObject(broken);
  mirror.fault = () => false;
  expect(read((await build(['big'])).tarPath, 'big')).toBe(noise);
});

it.each([
  ['that the mirror does not have', 404, 'answered 404'],
  ['that the mirror refuses', 403, 'answered 403'],
  ['that the mirror fails to serve each time', 503, 'answered 503'],
])('a package %s is an error with its URL', async (_what, status, says) => {
  publish({ name: 'a', version: '1', files: [] });
  mirror.fault = (request, response) => {
    if (!request.url?.endsWith('.apk')) return false;
    response.writeHead(status).end();
    return true;
  };
  await expect(build(['a'])).rejects.toMatchObject({
    code: 'IMAGE_MIRROR_FAILED',
    message: expect.stringMatching(new RegExp(`a-1\\.apk.*${says}`)),
  });
});

it('a mirror that cannot be reached is an error', async () => {
  const { url } = mirror;
  await mirror.close();
  await expect(
    buildAlpine({ mirror: url, keysDirectory, packages: ['a'] }, directory),
  ).rejects.toMatchObject({ code: 'IMAGE_MIRROR_FAILED' });
});

const good: PackageSpec = { name: 'a', version: '1', files: [file('f', 'good')] };

it.each<readonly [string, () => Buffer, string]>([
  [
    'of another length',
    () => Buffer.concat([buildPackage(good, key).bytes, Buffer.from('x')]),
    'IMAGE_MIRROR_FAILED',
  ],
  [
    'of other files',
    () => swap(buildPackage({ ...good, files: [file('f', 'evil')] }, key).bytes),
    'IMAGE_REPOSITORY_INVALID',
  ],
  [
    'with another control part',
    () => swap(buildPackage({ ...good, depends: ['b'] }, key).bytes),
    'IMAGE_REPOSITORY_INVALID',
  ],
  ['that is no archive', () => swap(Buffer.alloc(5000, 'x')), 'IMAGE_REPOSITORY_INVALID'],
])('a package %s is never in an image', async (_what, served, code) => {
  publish(good);
  mirror.put('/alpine/v3.23/main/x86_64/a-1.apk', served());
  await expect(build(['a'])).rejects.toMatchObject({ code });
  publish(good);
  expect(read((await build(['a'])).tarPath, 'f')).toBe('good');
});

/** Other bytes with the length of the right ones. */
function swap(bytes: Buffer): Buffer {
  const { length } = buildPackage(good, key).bytes;
  return Buffer.concat([bytes, Buffer.alloc(length)]).subarray(0, length);
}

it.each<readonly [string, PackageSpec, string]>([
  [
    'whose files have another digest than it says',
    { ...good, dataDigest: '0'.repeat(64) },
    'IMAGE_REPOSITORY_INVALID',
  ],
  ['that names no digest', { ...good, dataDigest: '' }, 'IMAGE_REPOSITORY_INVALID'],
  [
    'with a trigger that is no directory',
    { ...good, triggers: ['bin; reboot'] },
    'IMAGE_REPOSITORY_INVALID',
  ],
  [
    'with ".." in a name',
    { ...good, files: [file('usr/../../etc/passwd', 'x')] },
    'IMAGE_LAYER_INVALID',
  ],
  [
    'with a device',
    { ...good, files: [{ name: 'dev/sda', type: '4', major: 8 }] },
    'IMAGE_LAYER_INVALID',
  ],
  [
    'with a link to nothing',
    { ...good, files: [{ name: 'x', type: '1', link: 'etc/shadow' }] },
    'IMAGE_LAYER_INVALID',
  ],
  [
    'with a file below a file',
    { ...good, files: [file('a', 'x'), file('a/b', 'x')] },
    'IMAGE_LAYER_INVALID',
  ],
  [
    'with a line break in a name',
    { ...good, files: [file('a\nP:evil', 'x')] },
    'IMAGE_LAYER_INVALID',
  ],
  ['with a whiteout', { ...good, files: [file('etc/.wh.passwd', '')] }, 'IMAGE_LAYER_INVALID'],
  [
    'with a circle of links',
    { ...good, files: [symlink('a', 'b'), symlink('b', 'a'), file('a/x', '')] },
    'IMAGE_LAYER_INVALID',
  ],
  [
    'with a name of 300 bytes',
    {
      ...good,
      files: [
        file(`d/${'n'.repeat(300)}`.slice(0, 100), 'x'),
        { name: 'y', type: 'L', content: 'n'.repeat(300) },
        file('y', ''),
      ],
    },
    'IMAGE_LAYER_INVALID',
  ],
  [
    'with a negative size',
    { ...good, files: [{ name: 'x', size: Buffer.alloc(12, 0xff) }] },
    'IMAGE_LAYER_INVALID',
  ],
])('a package %s is refused', async (_what, spec, code) => {
  publish(spec);
  await expect(build(['a'])).rejects.toMatchObject({ code });
});

it('links of a package lead nowhere outside, and entries of apk itself are left out', async () => {
  publish({
    ...good,
    files: [
      symlink('out', '../../../../etc'),
      file('out/x', 'inside'),
      dir('etc'),
      file('.post-install', 'echo evil'),
      file('./.INSTALL', 'x'),
    ],
  });
  const { tarPath, scripts } = await build(['a']);
  expect(list(tarPath).map((line) => line.split(' ')[2])).not.toContain('.post-install');
  expect(read(tarPath, 'etc/x')).toBe('inside');
  expect(scripts).toEqual([]);
});

it('a file of two packages is a conflict unless one replaces the other or both have one origin', async () => {
  const a = { name: 'a', version: '1', files: [file('f', 'of a')] };
  const b = { name: 'b', version: '1', depends: ['a'], files: [file('f', 'of b')] };
  const content = async (...specs: readonly PackageSpec[]) => {
    publish(...specs);
    directory = temporaryDirectory();
    const { tarPath } = await build(['a', 'b']);
    const owners = read(tarPath, 'lib/apk/db/installed')
      .split('\n\n')
      .filter((r) => r.includes('R:f'));
    expect(owners).toHaveLength(1);
    return [read(tarPath, 'f'), /P:(\w)/.exec(owners[0] ?? '')?.[1]].join(', ');
  };
  await expect(content(a, b)).rejects.toMatchObject({
    code: 'IMAGE_PACKAGES_CONFLICT',
    message: expect.stringContaining('a-1 and b-1 both have "f"'),
  });
  expect(await content(a, { ...b, replaces: ['a'] })).toBe('of b, b');
  expect(await content(a, { ...b, replaces: ['a<1'] }).catch(({ code }) => code)).toBe(
    'IMAGE_PACKAGES_CONFLICT',
  );
  expect(await content({ ...a, replaces: ['b'] }, b)).toBe('of a, a');
  expect(
    await content(
      { ...a, replaces: ['b'], replacesPriority: 2 },
      { ...b, replaces: ['a'], replacesPriority: 1 },
    ),
  ).toBe('of a, a');
  expect(await content({ ...a, origin: 'o' }, { ...b, origin: 'o' })).toBe('of b, b');
});

it('a directory of one package may be a link of another', async () => {
  publish(
    { name: 'a', version: '1', files: [dir('usr'), dir('usr/bin'), symlink('bin', 'usr/bin')] },
    { name: 'b', version: '1', depends: ['a'], files: [dir('bin'), file('bin/tool', 'x')] },
  );
  expect(read((await build(['b'])).tarPath, 'usr/bin/tool')).toBe('x');
});

it.each<readonly [string, Record<string, unknown>, string]>([
  ['version', { version: '../3.23' }, 'IMAGE_RECIPE_INVALID'],
  ['branch', { branch: '../x' }, 'IMAGE_RECIPE_INVALID'],
  ['mirror', { mirror: 'ftp://x' }, 'IMAGE_RECIPE_INVALID'],
  ['mirror with a password', { mirror: 'http://me:secret@127.0.0.1/' }, 'IMAGE_RECIPE_INVALID'],
  ['package', { packages: ['--root=/'] }, 'IMAGE_RECIPE_INVALID'],
  ['directory of keys', { keysDirectory: '/nowhere/keys' }, 'IMAGE_KEY_MISSING'],
])('a wrong %s is an error before the mirror is asked', async (_what, wrong, code) => {
  const request = { mirror: mirror.url, keysDirectory, packages: ['a'], ...wrong };
  const error = await buildAlpine(request, directory).catch((thrown: Error) => thrown);
  expect(error).toMatchObject({ code });
  expect((error as Error).message).not.toContain('secret');
  expect(mirror.requests).toEqual([]);
});

it('a file among the keys that is no RSA key is an error with its path', async () => {
  const wrong = { ...key, name: 'wrong.rsa.pub', publicPem: 'hello' };
  const path = writeKeys(temporaryDirectory(), wrong);
  await expect(
    buildAlpine({ mirror: mirror.url, keysDirectory: path, packages: ['a'] }, directory),
  ).rejects.toMatchObject({
    code: 'IMAGE_KEY_INVALID',
    message: expect.stringContaining('wrong.rsa.pub'),
  });
});

it('a build that is cancelled ends at once and leaves no archive', async () => {
  publish({ name: 'a', version: '1', files: [] });
  const controller = new AbortController();
  mirror.fault = (request) => {
    if (!request.url?.endsWith('.apk')) return false;
    controller.abort(new Error('enough'));
    return true;
  };
  await expect(build(['a'], { signal: controller.signal })).rejects.toThrow('enough');
});
