import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findPackageRoot, guestAgentPath, packageFile } from '../../../src/host/package-root.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

/** An installed package below a project with a package.json of its own. */
function installedPackage(): string {
  const project = temporaryDirectory();
  writeFileSync(join(project, 'package.json'), '{ "name": "a-project" }');
  const root = join(project, 'node_modules/gondolin');
  for (const directory of ['src/host', 'dist/chunks', 'dist/cli', 'dist/src'])
    mkdirSync(join(root, directory), { recursive: true });
  writeFileSync(join(root, 'package.json'), '{ "name": "gondolin" }');
  writeFileSync(join(root, 'dist/cli/package.json'), '{ "type": "commonjs" }');
  return root;
}

it.each(['', 'src/host', 'dist', 'dist/chunks', 'dist/cli', 'dist/src'])(
  'findPackageRoot() finds the package from its directory "%s"',
  (directory) => {
    const root = installedPackage();
    expect(findPackageRoot(join(root, directory))).toBe(root);
  },
);

it('findPackageRoot() refuses a directory that is not in the package', () => {
  const elsewhere = join(installedPackage(), '../../bundle');
  mkdirSync(elsewhere);
  expect(() => findPackageRoot(elsewhere)).toThrow(
    expect.objectContaining({
      code: 'HOST_PACKAGE_INCOMPLETE',
      details: { path: elsewhere },
    }) as Error,
  );
});

it('packageFile() finds the files of the package', () => {
  expect(statSync(packageFile('package.json')).isFile()).toBe(true);
});

it('guestAgentPath() names the build command when the agent is not built', () => {
  const root = temporaryDirectory();
  expect(() => guestAgentPath(root)).toThrow(
    expect.objectContaining({
      code: 'HOST_AGENT_NOT_BUILT',
      hint: expect.stringContaining(`make -C ${root}/guest`) as string,
    }) as Error,
  );
  mkdirSync(join(root, 'guest/build'), { recursive: true });
  writeFileSync(join(root, 'guest/build/gondolin-agent'), '');
  expect(guestAgentPath(root)).toBe(join(root, 'guest/build/gondolin-agent'));
});
