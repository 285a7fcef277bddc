import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');

interface LockedPackage {
  readonly integrity?: string;
  readonly resolved?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
  packages: Readonly<Record<string, LockedPackage>>;
};

/** True when Node would find `name` from the package in `place`: beside it, or in a node_modules above. */
function isLocked(place: string, name: string): boolean {
  const levels = place === '' ? [] : place.split('/node_modules/');
  const places = [...levels.keys()].map((index) =>
    levels.slice(0, index + 1).join('/node_modules/'),
  );
  return ['', ...places].some(
    (above) => `${above}/node_modules/${name}`.replace(/^\//, '') in packages,
  );
}

// npm leaves out the optional packages of other platforms when node_modules was there already; `npm ci` then refuses.
it('package-lock.json has each package that another one names, those of other platforms too', () => {
  const missing = Object.entries(packages).flatMap(([place, locked]) =>
    Object.keys({
      ...locked.dependencies,
      ...locked.devDependencies,
      ...locked.optionalDependencies,
    })
      .filter((name) => !isLocked(place, name))
      .map((name) => `${place}: ${name}`),
  );
  expect(Object.keys(packages).length).toBeGreaterThan(100);
  expect(missing).toEqual([]);
});

it('package-lock.json has a digest for each package, and the address of none', () => {
  const installed = Object.entries(packages).filter(([place]) => place !== '');
  expect(installed.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'))).toEqual([]);
  expect(installed.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
});
