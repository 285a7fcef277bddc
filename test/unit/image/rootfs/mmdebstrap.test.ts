import { expect, it } from 'vitest';
import { findUnknownPackage } from '../../../../src/image/debian/apt-messages.ts';
import {
  buildMmdebstrapArguments,
  includedPackages,
} from '../../../../src/image/rootfs/mmdebstrap-arguments.ts';
import { ProgressReader } from '../../../../src/image/rootfs/mmdebstrap-progress.ts';

const RECIPE = {
  release: 'bookworm',
  architecture: 'amd64',
  packages: ['git', 'procps'],
  hasModules: false,
  rootPath: '/tmp/a b/root',
  sourceListPath: '/tmp/a b/sources.list',
  aptOptions: ['Acquire::http::Proxy "http://p.example.com";'],
  hasBase: false,
};

it('buildMmdebstrapArguments() names suite, directory and source list last', () => {
  expect(buildMmdebstrapArguments(RECIPE).slice(-3)).toEqual([
    'bookworm',
    '/tmp/a b/root',
    '/tmp/a b/sources.list',
  ]);
});

it('includedPackages() joins base and extra packages, each once, with the loader of modules in place of the kernel', () => {
  const base = ['ca-certificates', 'netbase', 'procps'];
  const names = (packages: string[], hasModules = false) =>
    includedPackages({ packages, hasModules });
  expect(names([])).toEqual(base);
  expect(names(['git', 'procps'])).toEqual(['ca-certificates', 'git', 'netbase', 'procps']);
  expect(names(['linux-image-cloud-amd64'], true)).toEqual([
    'ca-certificates',
    'kmod',
    'netbase',
    'procps',
  ]);
});

it('buildMmdebstrapArguments() unpacks the archive of a base, and then sets its packages up', () => {
  const args = buildMmdebstrapArguments(RECIPE);
  expect(args).toContain('--variant=custom');
  expect(args).toContain('--skip=update');
  const hooks = args.filter((arg) => /^--\w+-hook=/.test(arg));
  expect(hooks[0]).toMatch(/^--setup-hook=tar .*--directory="\$1"$/);
  expect(hooks[1]).toContain('dpkg --configure --pending');
  // What the guest installs later leaves out the same.
  expect(hooks[1]).toContain("'path-exclude=/usr/share/man/*'");
  expect(args.join()).not.toMatch(/--include|--dpkgopt/);
});

it('buildMmdebstrapArguments() unpacks a base, upgrades it, and installs only what is added', () => {
  const args = buildMmdebstrapArguments({ ...RECIPE, hasBase: true });
  expect(args).toContain('--variant=custom');
  expect(args).not.toContain('--skip=update');
  const hooks = args.filter((arg) => /^--\w+-hook=/.test(arg));
  expect(hooks[0]).toMatch(/^--setup-hook=.*"\$GONDOLIN_BASE"$/);
  const adding = hooks.find((hook) => hook.includes('dist-upgrade'));
  expect(adding).toMatch(/^--customize-hook=.* ca-certificates git netbase procps$/);
  // mmdebstrap would extract them before dpkg does.
  expect(args.join()).not.toContain('--include');
  expect(buildMmdebstrapArguments(RECIPE).join()).not.toMatch(/GONDOLIN_BASE|dist-upgrade/);
});

it('buildMmdebstrapArguments() puts the modules in', () => {
  const args = buildMmdebstrapArguments({ ...RECIPE, hasBase: true, hasModules: true });
  expect(args.filter((arg) => arg.includes('"$GONDOLIN_MODULES"'))).toHaveLength(1);
  expect(buildMmdebstrapArguments(RECIPE).join()).not.toContain('GONDOLIN_MODULES');
});

it('buildMmdebstrapArguments() uses proxies for the build and removes them from the result', () => {
  const args = buildMmdebstrapArguments(RECIPE);
  expect(args).toContain('--aptopt=Acquire::http::Proxy "http://p.example.com";');
  const hook = args.find((arg) => arg.includes('/etc/resolv.conf'));
  expect(hook).toContain('rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"');
  expect(hook).toContain('"$1/etc/resolv.conf" "$1/etc/hostname"');
});

function readAll(lines: readonly string[]) {
  const reader = new ProgressReader();
  return lines.map((line) => reader.read(line)).filter((progress) => progress !== null);
}

const LINES = [
  'I: running apt-get update...',
  'Get:1 http://deb.example.com/debian bookworm InRelease [151 kB]',
  'I: downloading packages with apt...',
  '0 upgraded, 2 newly installed, 0 to remove and 0 not upgraded.',
  'Get:1 http://deb.example.com/debian bookworm/main amd64 perl amd64 5.36 [2758 kB]',
  'Get:2 http://deb.example.com/debian bookworm/main amd64 git amd64 2.39 [2758 kB]',
  'Unpacking perl (5.36) ...',
  'Unpacking git (1:2.39) ...',
  'Setting up perl (5.36) ...',
  'Setting up git (1:2.39) ...',
  'Setting up git (1:2.39) ...',
  'I: skipping cleanup/apt as requested',
  'I: creating tarball...',
];

it('ProgressReader gives a rising fraction through a whole build', () => {
  const fractions = readAll(LINES).map(({ fraction }) => fraction);
  expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
  expect(fractions.every((fraction) => fraction >= 0 && fraction <= 1)).toBe(true);
});

it('ProgressReader names the package that is fetched or installed', () => {
  const messages = readAll(LINES).map(({ message }) => message);
  expect(messages).toContain('downloading packages: perl');
  expect(messages).toContain('installing packages: git');
});

it('ProgressReader counts the packages of a base that are set up', () => {
  const reader = new ProgressReader(4);
  const lines = ['I: setting up packages...', 'Setting up a (1) ...', 'Setting up b:amd64 (1) ...'];
  expect(lines.map((line) => reader.read(line))).toMatchObject([
    { fraction: 0 },
    { fraction: 0.2, message: 'setting up packages: a' },
    { fraction: 0.4, message: 'setting up packages: b' },
  ]);
});

it('ProgressReader follows one run of apt that downloads and installs what is added to a base', () => {
  const read = readAll([
    'I: running apt-get update...',
    'I: downloading packages with apt...',
    '1 upgraded, 1 newly installed, 0 to remove and 0 not upgraded.',
    'Get:1 http://deb.example.com/debian bookworm/main amd64 git amd64 2.39 [2758 kB]',
    'Get:2 http://deb.example.com/debian bookworm/main amd64 libc6 amd64 2.36 [2758 kB]',
    'Unpacking git (1:2.39) ...',
    'Setting up git (1:2.39) ...',
    'I: skipping cleanup/apt as requested',
    'I: creating tarball...',
  ]);
  const fractions = read.map(({ fraction }) => fraction);
  expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
  expect(read.map(({ phase }) => phase)).toEqual([
    ...['lists', 'download', 'download', 'download', 'install', 'install', 'pack', 'pack'],
  ]);
  expect(read.map(({ message }) => message)).toContain('installing packages: git');
});

it('ProgressReader never turns back when a line of an earlier stage is repeated', () => {
  const reader = new ProgressReader();
  expect(reader.read('I: creating tarball...')).toMatchObject({ phase: 'pack' });
  expect(reader.read('I: running apt-get update...')).toBeNull();
});

it('ProgressReader never turns back when apt counts anew within a stage', () => {
  const reader = new ProgressReader();
  reader.read('I: downloading packages with apt...');
  reader.read('0 upgraded, 1 newly installed, 0 to remove and 0 not upgraded.');
  reader.read('Unpacking a (1) ...');
  const full = reader.read('Setting up a (1) ...');
  reader.read('0 upgraded, 1 newly installed, 0 to remove and 0 not upgraded.');
  expect(reader.read('Unpacking b (1) ...')?.fraction).toBe(full?.fraction);
});

it('ProgressReader says nothing for other lines, or before apt has told a count', () => {
  expect(
    readAll(['', 'W: something', 'Setting up x (1) ...', '0 upgraded, 0 newly installed']),
  ).toEqual([]);
  const reader = new ProgressReader();
  reader.read('I: setting up packages...');
  expect(reader.read('Setting up x (1) ...')).toBeNull();
});

it.each([
  ['E: Unable to locate package nosuch', 'nosuch'],
  ["E: Package 'gone' has no installation candidate", 'gone'],
  ["E: Version '1' for 'git' was not found", 'git'],
  ['E: Unable to fetch some archives', null],
])('findUnknownPackage() reads %s', (line, name) => {
  expect(findUnknownPackage(line)).toBe(name);
});
