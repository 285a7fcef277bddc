import { expect, it } from 'vitest';
import { buildMmdebstrapArguments } from '../../../../src/image/rootfs/mmdebstrap-arguments.ts';
import {
  findUnknownPackage,
  ProgressReader,
} from '../../../../src/image/rootfs/mmdebstrap-progress.ts';

const RECIPE = {
  release: 'bookworm',
  architecture: 'amd64',
  packages: ['git', 'procps'],
  hasModules: false,
  rootPath: '/tmp/a b/root',
  sourceListPath: '/tmp/a b/sources.list',
  aptOptions: ['Acquire::http::Proxy "http://p.example.com";'],
  hookDirectories: ['/hooks'],
  hasBase: false,
};

it('buildMmdebstrapArguments() names suite, directory and source list last', () => {
  expect(buildMmdebstrapArguments(RECIPE).slice(-3)).toEqual([
    'bookworm',
    '/tmp/a b/root',
    '/tmp/a b/sources.list',
  ]);
});

it('buildMmdebstrapArguments() joins base and extra packages, each once', () => {
  expect(buildMmdebstrapArguments(RECIPE)).toContain(
    '--include=ca-certificates,git,netbase,procps',
  );
});

it('buildMmdebstrapArguments() leaves the filter of paths to dpkg', () => {
  const args = buildMmdebstrapArguments(RECIPE);
  // mmdebstrap filters what it extracts by options that it knows, slowly.
  expect(args.filter((arg) => arg.startsWith('--dpkgopt'))).toEqual([]);
  const hook = args.find((arg) => arg.startsWith('--extract-hook=')) ?? '';
  expect(hook).toContain('rm -rf ./usr/share/doc/*');
  expect(hook).toContain("'path-exclude=/usr/share/man/*'");
  expect(hook.indexOf('99mmdebstrap')).toBeGreaterThan(hook.indexOf('rm -rf'));
});

it('buildMmdebstrapArguments() unpacks a base, upgrades it, and installs only what is added', () => {
  const args = buildMmdebstrapArguments({ ...RECIPE, hasBase: true });
  expect(args).toContain('--variant=custom');
  expect(args).not.toContain('--hook-dir=/hooks');
  const hooks = args.filter((arg) => /^--\w+-hook=/.test(arg));
  expect(hooks[0]).toMatch(/^--setup-hook=.*"\$GONDOLIN_BASE"$/);
  const adding = hooks.find((hook) => hook.includes('dist-upgrade'));
  expect(adding).toMatch(/^--customize-hook=.* ca-certificates git netbase procps$/);
  // mmdebstrap would extract them before dpkg does.
  expect(args.join()).not.toContain('--include');
  expect(buildMmdebstrapArguments(RECIPE).join()).not.toMatch(/GONDOLIN_BASE|dist-upgrade/);
});

it("buildMmdebstrapArguments() puts the modules in with their loader, in place of the kernel's package", () => {
  const packages = ['git', 'linux-image-cloud-amd64'];
  const args = buildMmdebstrapArguments({ ...RECIPE, packages, hasModules: true });
  expect(args).toContain('--include=ca-certificates,git,kmod,netbase,procps');
  expect(args.filter((arg) => arg.includes('"$GONDOLIN_MODULES"'))).toHaveLength(1);
  expect(buildMmdebstrapArguments(RECIPE).join()).not.toContain('GONDOLIN_MODULES');
});

it('buildMmdebstrapArguments() uses proxies for the build and removes them from the result', () => {
  const args = buildMmdebstrapArguments(RECIPE);
  expect(args).toContain('--aptopt=Acquire::http::Proxy "http://p.example.com";');
  const hook = args.find((arg) => arg.startsWith('--customize-hook='));
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
  'Get:1 http://deb.example.com/debian bookworm/main amd64 libc6 amd64 2.36 [2758 kB]',
  'I: extracting archives...',
  'I: installing essential packages...',
  'Unpacking libc6:amd64 (2.36) ...',
  'Setting up libc6:amd64 (2.36) ...',
  'I: installing remaining packages inside the chroot...',
  '0 upgraded, 1 newly installed, 0 to remove and 0 not upgraded.',
  'Unpacking git (1:2.39) ...',
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
  expect(messages).toContain('downloading packages: libc6');
  expect(messages).toContain('installing more packages: git');
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
  reader.read('I: installing essential packages...');
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
  reader.read('I: installing essential packages...');
  expect(reader.read('Unpacking x (1) ...')).toBeNull();
});

it.each([
  ['E: Unable to locate package nosuch', 'nosuch'],
  ["E: Package 'gone' has no installation candidate", 'gone'],
  ["E: Version '1' for 'git' was not found", 'git'],
  ['E: Unable to fetch some archives', null],
])('findUnknownPackage() reads %s', (line, name) => {
  expect(findUnknownPackage(line)).toBe(name);
});
