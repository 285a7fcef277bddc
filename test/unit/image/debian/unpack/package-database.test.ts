import { expect, it } from 'vitest';
import {
  packageDatabase,
  type UnpackedPackage,
} from '../../../../../src/image/debian/unpack/package-database.ts';

function unpacked(
  name: string,
  control: Readonly<Record<string, string>>,
  more: Partial<UnpackedPackage> = {},
): UnpackedPackage {
  const files = Object.entries(control).map(
    ([file, text]) =>
      [file, { content: Buffer.from(text), mode: file === 'postinst' ? 0o755 : 0o644 }] as const,
  );
  return {
    ...{
      name,
      architecture: 'amd64',
      paths: ['/.', '/usr'],
      digests: new Map(),
      isAutomatic: false,
    },
    control: new Map(files),
    ...more,
  };
}

function textOf(packages: readonly UnpackedPackage[], path: string): string | undefined {
  return packageDatabase(packages)
    .find((file) => file.path === path)
    ?.content.toString();
}

it('packageDatabase() has each package as unpacked, with the digests of its configuration files', () => {
  const tool = unpacked(
    'tool',
    {
      control: 'Package: tool\nVersion: 1\nDescription: a tool\n with a second line\n\n',
      conffiles: '/etc/tool.conf\nremove-on-upgrade /etc/old.conf\n/etc/left-out\n',
    },
    { digests: new Map([['/etc/tool.conf', '0123']]) },
  );
  const other = unpacked('other', { control: 'Package: other\nVersion: 2' });
  expect(textOf([tool, other], 'var/lib/dpkg/status')).toBe(
    [
      'Package: tool\nStatus: install ok unpacked\nVersion: 1\nDescription: a tool\n with a second line',
      'Conffiles:\n /etc/tool.conf 0123\n /etc/old.conf newconffile remove-on-upgrade\n /etc/left-out newconffile\n',
      'Package: other\nStatus: install ok unpacked\nVersion: 2\n\n',
    ].join('\n'),
  );
});

it('packageDatabase() names files by the architecture where several may be installed', () => {
  const shared = unpacked('libx', {
    control: 'Package: libx\nMulti-Arch: same\n',
    postinst: '#!/bin/sh',
  });
  const files = packageDatabase([shared]);
  expect(files.map(({ path }) => path)).toContain('var/lib/dpkg/info/libx:amd64.list');
  expect(files.find(({ path }) => path.endsWith('libx:amd64.postinst'))?.mode).toBe(0o755);
  expect(files.some(({ path }) => path.endsWith('.control'))).toBe(false);
  expect(textOf([shared], 'var/lib/dpkg/info/libx:amd64.list')).toBe('/.\n/usr\n');
});

it('packageDatabase() has who waits for which path and which other trigger', () => {
  const libc = unpacked('libc-bin', {
    triggers: 'interest ldconfig\n# a note\nactivate-noawait other\n',
  });
  const menu = unpacked('menu', {
    triggers: 'interest-noawait /usr/share/menu # why\ninterest-await ldconfig\n',
  });
  expect(textOf([libc, menu], 'var/lib/dpkg/triggers/ldconfig')).toBe('libc-bin\nmenu\n');
  expect(textOf([libc, menu], 'var/lib/dpkg/triggers/File')).toBe('/usr/share/menu menu/noawait\n');
  expect(textOf([libc, menu], 'var/lib/dpkg/triggers/other')).toBeUndefined();
});

it('packageDatabase() tells apt which packages nobody asked for', () => {
  const packages = [unpacked('git', {}), unpacked('libx', {}, { isAutomatic: true })];
  expect(textOf(packages, 'var/lib/apt/extended_states')).toBe(
    'Package: libx\nArchitecture: amd64\nAuto-Installed: 1\n\n',
  );
});
