import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeLockedRepository } from '../../../../src/image/debian/locked-repository.ts';
import { resolveDebian, resolveKernel } from '../../../../src/image/lock/resolve-debian.ts';
import { type DebianRecipe, lockedKernel } from '../../../../src/image/recipe.ts';
import type { DebSpec } from '../../../fixtures/debian/deb-repository.ts';
import { useRepository } from '../../../fixtures/debian/use-repository.ts';

const KERNEL = 'linux-image-6.12.0-1-cloud-amd64';
const BASE: readonly DebSpec[] = [
  { name: 'libc6', version: '2.41-12' },
  { name: 'dpkg', version: '1.22', fields: { Essential: 'yes', Depends: 'libc6 (>= 2.40)' } },
  { name: 'login', version: '1:4.16', fields: { Priority: 'required' } },
  ...['apt', 'ca-certificates', 'netbase', 'procps', 'kmod'].map((name) => ({
    name,
    version: '1',
  })),
  { name: 'linux-image-cloud-amd64', version: '6.12.1', fields: { Depends: KERNEL } },
  { name: KERNEL, version: '6.12.1' },
];
const git = (version: string, content = 'git') => ({
  ...{ name: 'git', version, content },
  fields: { Depends: 'perl', Recommends: 'less' },
});
const EXTRA: readonly DebSpec[] = [
  git('1:2.47'),
  { name: 'perl', version: '5.40~rc1-6', fields: { Depends: 'libc6' } },
  { name: 'less', version: '1' },
];

const debian = useRepository([...BASE, ...EXTRA]);
const options = () => ({ ...debian.options(), onResolve: () => undefined });

function recipe(packages: readonly string[]): DebianRecipe {
  return { kind: 'debian', arch: 'x86_64', release: 'trixie', packages, mirror: null };
}

const versions = (locked: Readonly<Record<string, string>>) =>
  Object.entries(locked).map(([name, text]) => `${name} ${text.split(' ')[0]}`);

it('a lock has the base with its kernel, and what each image adds to it', async () => {
  const images = [recipe(['git']), recipe(['linux-image-cloud-amd64'])];
  const { base, added } = await resolveDebian(recipe([]), images, options());
  expect(versions(base).toSorted()).toEqual([
    ...['apt 1', 'ca-certificates 1', 'dpkg 1.22', 'libc6 2.41-12', `${KERNEL} 6.12.1`],
    ...['login 1:4.16', 'netbase 1', 'procps 1'],
  ]);
  expect(base['dpkg']).toMatch(/^1\.22 sha256:[0-9a-f]{64}$/);
  // What it recommends is not installed, and modules take the program that loads them.
  expect(added.map((set) => versions(set).toSorted())).toEqual([
    ['git 1:2.47', 'perl 5.40~rc1-6'],
    ['kmod 1'],
  ]);
  const unknown = resolveDebian(recipe([]), [recipe(['got'])], options());
  await expect(unknown).rejects.toMatchObject({
    code: 'IMAGE_PACKAGE_UNKNOWN',
    message: expect.stringContaining("'got'"),
  });
});

it('the kernel of images without packages of Debian is a lock of one package', async () => {
  const kernel = await resolveKernel(recipe([]), options());
  expect(versions(kernel)).toEqual([`${KERNEL} 6.12.1`]);
  const { base } = await resolveDebian(recipe([]), [], options());
  expect(base).toMatchObject(kernel);
  expect(lockedKernel({ locked: { base: kernel, added: {} } })).toEqual(kernel);
});

it('what is installed comes from a repository with the packages of the lock alone', async () => {
  const { added } = await resolveDebian(recipe([]), [recipe(['git'])], options());
  // A newer version beside the old one, as on a mirror between two releases.
  debian.repository().publish([...BASE, ...EXTRA, git('1:3.0')]);
  const made = options();
  const source = await writeLockedRepository(added[0] ?? {}, made);
  expect(source).toMatchObject({ suite: 'trixie', components: ['main'], isTrusted: true });
  const root = join(made.cwd, 'locked');
  const list = readFileSync(join(root, 'dists/trixie/main/binary-amd64/Packages'), 'utf8');
  expect(list.match(/^(?:Package|Version): .*$/gm)).toEqual([
    ...['Package: git', 'Version: 1:2.47', 'Package: perl', 'Version: 5.40~rc1-6'],
  ]);
  const names = [...list.matchAll(/^Filename: pool\/(.*)$/gm)].map(([, name]) => name);
  expect(names.toSorted()).toEqual(readdirSync(join(root, 'pool')).toSorted());
});

it('a version that is gone, and one with other contents, are errors that name both', async () => {
  const { added } = await resolveDebian(recipe([]), [recipe(['git'])], options());
  const write = () => writeLockedRepository(added[0] ?? {}, options());
  debian.repository().publish([...BASE, ...EXTRA.slice(1), git('1:3.0')]);
  await expect(write()).rejects.toMatchObject({
    code: 'IMAGE_PACKAGE_GONE',
    message: expect.stringMatching(/git 1:2\.47.* 1:3\.0/),
  });
  debian.repository().publish([...BASE, ...EXTRA.slice(1)]);
  await expect(write()).rejects.toMatchObject({ code: 'IMAGE_PACKAGE_GONE' });
  debian.repository().publish([...BASE, ...EXTRA.slice(1), git('1:2.47', 'other')]);
  await expect(write()).rejects.toMatchObject({
    code: 'IMAGE_DIGEST_MISMATCH',
    message: expect.stringContaining('git 1:2.47'),
  });
});

it('a file that is not what the list says is never unpacked', async () => {
  const { added } = await resolveDebian(recipe([]), [recipe(['git'])], options());
  const path = join(debian.directory(), 'repository/pool/git_1-2.47.deb');
  writeFileSync(path, readFileSync(path).fill(0, 100, 120));
  const write = writeLockedRepository(added[0] ?? {}, options());
  await expect(write).rejects.toMatchObject({ code: 'IMAGE_BUILD_FAILED' });
});
