import { execFileSync } from 'node:child_process';
import { createWriteStream, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readDebFiles } from '../../../../src/image/debian/unpack/deb-file.ts';
import { downloadBase } from '../../../../src/image/debian/unpack/download-base.ts';
import type { DebSpec } from '../../../fixtures/debian/deb-repository.ts';
import { useRepository } from '../../../fixtures/debian/use-repository.ts';

const BASE: readonly DebSpec[] = [
  { name: 'apt', version: '2.9', fields: { Depends: 'libapt' } },
  { name: 'libapt', version: '2.9' },
  { name: 'dpkg', version: '1:1.22~rc1', fields: { Essential: 'yes' } },
  { name: 'netbase', version: '6' },
  { name: 'unwanted', version: '1' },
];

const debian = useRepository(BASE);
const options = () => ({ ...debian.options(), locked: null, names: ['netbase'] });

it('downloadBase() gives an archive of the packages of a release, as dpkg would have unpacked them', async () => {
  const { cwd, ...rest } = options();
  const fractions: number[] = [];
  const base = await downloadBase({
    ...{ ...rest, cwd },
    onPhase: (_phase, _message, fraction) => fractions.push(fraction),
  });
  expect(base.packageCount).toBe(4);
  const archivePath = join(cwd, 'base.tar');
  await base.unpack(createWriteStream(archivePath));
  expect(fractions).toEqual(fractions.toSorted((one, other) => one - other));
  const root = join(cwd, 'root');
  mkdirSync(root);
  execFileSync('tar', ['-xf', archivePath, '-C', root, '--no-same-owner']);
  expect(readFileSync(join(root, 'usr/share/libapt'), 'utf8')).toBe('libapt');
  const query = [
    '--admindir',
    join(root, 'var/lib/dpkg'),
    '-f',
    '${db:Status-Abbrev} ${Package}\n',
    '-W',
  ];
  expect(execFileSync('dpkg-query', query, { encoding: 'utf8' })).toBe(
    ['iU  apt', 'iU  dpkg', 'iU  libapt', 'iU  netbase', ''].join('\n'),
  );
  // Asked for are essential packages, apt, and what images add.
  expect(readFileSync(join(root, 'var/lib/apt/extended_states'), 'utf8')).toMatch(
    /^Package: libapt\n[^P]*$/,
  );
  expect(readFileSync(join(root, 'run/gondolin/dpkg-version'), 'utf8')).toBe('1:1.22~rc1\n');
  expect(readFileSync(join(root, 'run/gondolin/preinsts'), 'utf8')).toBe('');
  // What was read is gone.
  expect(readdirSync(join(cwd, 'base-packages'))).toEqual([]);
});

it('downloadBase() refuses a package that the release does not have, and a mirror that serves other bytes', async () => {
  await expect(downloadBase({ ...options(), names: ['nosuch'] })).rejects.toMatchObject({
    code: 'IMAGE_PACKAGE_UNKNOWN',
    message: expect.stringContaining("'nosuch'"),
  });
  writeFileSync(join(debian.directory(), 'repository/pool/netbase_6.deb'), 'other bytes');
  await expect(downloadBase(options())).rejects.toMatchObject({ code: 'IMAGE_BUILD_FAILED' });
});

it('readDebFiles() fails for a file that is no package, and leaves no process', async () => {
  const { cwd, ...rest } = options();
  const paths = ['good.deb', 'bad.deb'].map((name) => join(cwd, name));
  const [good = '', bad = ''] = paths;
  writeFileSync(good, readFileSync(join(debian.directory(), 'repository/pool/netbase_6.deb')));
  writeFileSync(bad, '!<arch>\nno package\n');
  const read = async () => {
    const names: string[] = [];
    for await (const { control } of readDebFiles(paths, { cwd, ...rest })) {
      names.push(/^Package: (.*)$/m.exec(String(control.get('control')?.content))?.[1] ?? '');
    }
    return names;
  };
  await expect(read()).rejects.toMatchObject({
    code: 'IMAGE_BUILD_FAILED',
    message: expect.stringContaining('bad.deb'),
  });
});
