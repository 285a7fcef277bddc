import { expect, it } from 'vitest';
import { parseDependency } from '../../../../src/image/alpine/dependency.ts';
import { resolvePackages } from '../../../../src/image/alpine/resolve/resolve-packages.ts';
import { repositoryOf } from '../../../fixtures/alpine/records.ts';

/** Resolves `world` in repositories that `===` separates. */
function resolve(text: string, world: string): string {
  const repositories = text.split('===').map(repositoryOf);
  const wishes = world.split(' ').map((word) => {
    const parsed = parseDependency(word);
    if (parsed === null) throw new Error(word);
    return parsed;
  });
  const packages = resolvePackages(repositories, wishes);
  return packages.map(({ name, version }) => `${name}-${version}`).join(' ');
}

interface Case {
  readonly name: string;
  readonly given: string;
  readonly world: string;
  readonly want: string;
}

const CASES: readonly Case[] = [
  {
    name: 'a package comes after what it depends on',
    given: `app-1 D:lib,tool\n lib-1 D:base\n tool-1 D:base\n base-1`,
    world: 'app',
    want: 'base-1 lib-1 tool-1 app-1',
  },
  {
    name: 'a circle is cut where it is entered',
    given: `a-1 D:b\n b-1 D:c\n c-1 D:a`,
    world: 'a',
    want: 'c-1 b-1 a-1',
  },
  {
    name: 'the newest version is chosen',
    given: `a-1\n a-1.10\n a-1.9`,
    world: 'a',
    want: 'a-1.10',
  },
  { name: 'a version is asked for', given: `a-1\n a-2\n a-3`, world: 'a<3', want: 'a-2' },
  {
    name: 'a fuzzy version is asked for',
    given: `a-1.2.9\n a-1.20`,
    world: 'a~1.2',
    want: 'a-1.2.9',
  },
  {
    name: 'an older version is taken where a dependency asks for it',
    given: `a-1\n a-2\n b-1 D:a<2`,
    world: 'a b',
    want: 'a-1 b-1',
  },
  {
    name: 'an older version is taken because the newest one conflicts',
    given: `a-2 D:!b\n a-1\n b-1`,
    world: 'a b',
    want: 'a-1 b-1',
  },
  {
    name: 'an older version is taken because the newest one needs what does not exist',
    given: `a-2 D:missing\n a-1`,
    world: 'a',
    want: 'a-1',
  },
  {
    name: 'a first choice is taken back when it leads nowhere much later',
    given: `a-2 D:x\n a-1 D:y\n x-1 D:z\n y-1 D:z\n z-1 D:x2\n z-0\n x2-1 D:!x`,
    world: 'a',
    want: 'z-0 x-1 a-2',
  },
  {
    name: 'two choices are taken back',
    given: `a-2 D:l=2\n a-1 D:l=1\n b-2 D:m=2\n b-1 D:m=1\n l-2\n l-1\n m-2 D:l=1\n m-1 D:l=2`,
    world: 'a b',
    want: 'l-2 a-2 m-1 b-1',
  },
  {
    name: 'the first repository wins between equal versions',
    given: `a-1 o:main === a-1 o:community`,
    world: 'a',
    want: 'a-1',
  },
  {
    name: 'a newer version of a later repository wins',
    given: `a-1 === a-2`,
    world: 'a',
    want: 'a-2',
  },
  {
    name: 'a dependency may be in the other repository, both ways',
    given: `a-1 D:b\n c-1 === b-1 D:c`,
    world: 'a',
    want: 'c-1 b-1 a-1',
  },
  {
    name: 'a shared library is provided',
    given: `app-1 D:so:libz.so.1\n zlib-1.3 p:so:libz.so.1=1.3`,
    world: 'app',
    want: 'zlib-1.3 app-1',
  },
  {
    name: 'the newest of the provided versions is chosen',
    given: `app-1 D:so:z\n z1-9 p:so:z=1\n z2-1 p:so:z=2`,
    world: 'app',
    want: 'z2-1 app-1',
  },
  {
    name: 'a provided version must fit',
    given: `app-1 D:so:z<2\n z1-9 p:so:z=1\n z2-1 p:so:z=2`,
    world: 'app',
    want: 'z1-9 app-1',
  },
  {
    name: 'the only one that provides a name without a version is chosen',
    given: `app-1 D:sh\n dash-1 p:sh`,
    world: 'app',
    want: 'dash-1 app-1',
  },
  {
    name: 'several versions of one package are one package',
    given: `app-1 D:sh\n dash-1 p:sh\n dash-2 p:sh`,
    world: 'app',
    want: 'dash-2 app-1',
  },
  {
    name: 'provider_priority chooses',
    given: `app-1 D:sh\n dash-1 p:sh k:10\n busybox-1 p:sh k:100\n zsh-1 p:sh`,
    world: 'app',
    want: 'busybox-1 app-1',
  },
  {
    name: 'a package of the user is who provides the name',
    given: `app-1 D:sh\n dash-1 p:sh k:10\n zsh-1 p:sh`,
    world: 'app zsh',
    want: 'zsh-1 app-1',
  },
  {
    name: 'a package that another one needs by name provides the name',
    given: `app-1 D:sh,tool\n dash-1 p:sh\n zsh-1 p:sh\n tool-1 D:zsh`,
    world: 'app',
    want: 'zsh-1 tool-1 app-1',
  },
  {
    name: 'packages may share a name without a version',
    given: `a-1 p:editor\n b-1 p:editor`,
    world: 'a b',
    want: 'a-1 b-1',
  },
  {
    name: 'a package with a version is preferred to one that provides the name without',
    given: `app-1 D:sh\n sh-1\n dash-1 p:sh k:100`,
    world: 'app',
    want: 'sh-1 app-1',
  },
  {
    name: 'a conflict with a name that the package provides itself is not one',
    given: `app-1 D:mta\n postfix-1 p:mta D:!mta\n exim-1 p:mta D:!mta k:5`,
    world: 'app',
    want: 'exim-1 app-1',
  },
  {
    name: 'a package that provides what it needs is enough',
    given: `a-1 D:so:x p:so:x=1`,
    world: 'a',
    want: 'a-1',
  },
  {
    name: 'a conflict with what is not there is met',
    given: `a-1 D:!b\n b-1`,
    world: 'a',
    want: 'a-1',
  },
  {
    name: 'a conflict with another version is met',
    given: `a-1 D:!b<2,b\n b-1\n b-2`,
    world: 'a',
    want: 'b-2 a-1',
  },
  {
    name: 'a conflict of the user holds',
    given: `a-1 D:x\n y-1 p:x=1\n z-1 p:x=2`,
    world: 'a !z',
    want: 'y-1 a-1',
  },
  {
    name: 'install_if adds a package once all of it is there',
    given: `docs-1\n app-1\n app-doc-1 i:docs,app=1\n other-doc-1 i:docs,other`,
    world: 'app docs',
    want: 'app-1 docs-1 app-doc-1',
  },
  {
    name: 'install_if does not add to another version',
    given: `docs-1\n app-2\n app-doc-1 i:docs,app=1`,
    world: 'app docs',
    want: 'app-2 docs-1',
  },
  {
    name: 'install_if brings its dependencies, and then what these bring',
    given: `docs-1\n app-1\n app-doc-1 i:docs,app D:man\n man-1\n man-docs-1 i:man,docs`,
    world: 'app docs',
    want: 'app-1 docs-1 man-1 app-doc-1 man-docs-1',
  },
  {
    name: 'install_if gives way to what was asked for',
    given: `docs-1\n app-1 D:!app-doc\n app-doc-1 i:docs,app`,
    world: 'app docs',
    want: 'app-1 docs-1',
  },
  {
    name: 'install_if whose dependencies cannot be met is left out',
    given: `docs-1\n app-1\n app-doc-1 i:docs,app D:x\n x-1 D:!app`,
    world: 'app docs',
    want: 'app-1 docs-1',
  },
  {
    name: 'install_if may want a name not to be there',
    given: `app-1\n app-openrc-1 i:app,!systemd\n systemd-1`,
    world: 'app',
    want: 'app-1 app-openrc-1',
  },
  {
    name: 'install_if is met by a provided name',
    given: `app-1\n busybox-1 p:init=1\n app-init-1 i:app,init`,
    world: 'app busybox',
    want: 'app-1 busybox-1 app-init-1',
  },
  {
    name: 'the newest of the packages that install_if adds is added',
    given: `docs-1\n app-1\n app-doc-1 i:docs,app\n app-doc-2 i:docs,app`,
    world: 'app docs',
    want: 'app-1 docs-1 app-doc-2',
  },
  {
    name: 'a package with a dependency in an unknown form is passed over',
    given: `a-2 D:b><Q1x=\n a-1`,
    world: 'a',
    want: 'a-1',
  },
  {
    name: 'a package with an unknown capital field is passed over',
    given: `a-2 X:1\n a-1`,
    world: 'a',
    want: 'a-1',
  },
  { name: 'a field in a small letter is skipped', given: `a-2 x:1\n a-1`, world: 'a', want: 'a-2' },
  { name: 'a wish may be a provided name', given: `a-1 p:cmd:x=1`, world: 'cmd:x', want: 'a-1' },
  { name: 'one package meets several wishes', given: `a-1 p:x=1,y`, world: 'a x y', want: 'a-1' },
];

it.each(CASES)('resolvePackages(): $name', ({ given, world, want }) => {
  expect(resolve(given, world)).toBe(want);
});

const CONFLICTS: readonly (Omit<Case, 'want'> & { readonly says: readonly string[] })[] = [
  {
    name: 'no package is named so',
    given: `a-1 D:b`,
    world: 'a',
    says: ['a-1: it needs b', 'no package'],
  },
  {
    name: 'two packages conflict',
    given: `a-1 D:!b\n b-1`,
    world: 'a b',
    says: ['b-1', 'a-1 conflicts with it (!b)'],
  },
  {
    name: 'two packages own one name',
    given: `a-1 p:x=1\n b-1 p:x=1`,
    world: 'a b',
    says: ['cannot be there together', 'both are x'],
  },
  {
    name: 'a name with a version shuts out the package of that name',
    given: `a-1 p:b=2\n b-1`,
    world: 'a b=1',
    says: ['b'],
  },
  {
    name: 'the version is not there',
    given: `a-1`,
    world: 'a>=2',
    says: ['the image needs a>=2', 'a-1'],
  },
  {
    name: 'two packages need different versions',
    given: `a-1 D:l=1\n b-1 D:l=2\n l-1\n l-2`,
    world: 'a b',
    says: ['l'],
  },
  {
    name: 'the user must choose between packages',
    given: `app-1 D:sh\n dash-1 p:sh\n zsh-1 p:sh`,
    world: 'app',
    says: ['app-1 needs sh', 'add one of dash, zsh'],
  },
  {
    name: 'a name without a version does not meet one with a version',
    given: `a-1 D:x=1\n b-1 p:x`,
    world: 'a',
    says: ['a-1: it needs x=1'],
  },
];

it.each(CONFLICTS)('resolvePackages() says why: $name', ({ given, world, says }) => {
  let message = '';
  expect(() => {
    try {
      resolve(given, world);
    } catch (error) {
      message = (error as Error).message;
      throw error;
    }
  }).toThrow(expect.objectContaining({ code: 'IMAGE_PACKAGES_CONFLICT' }));
  for (const part of says) expect(message).toContain(part);
});

it('resolvePackages() proposes the name of a package that exists', () => {
  expect(() => resolve('nodejs-1\n curl-1', 'nodjs curl missing-one')).toThrow(
    expect.objectContaining({
      code: 'IMAGE_PACKAGE_UNKNOWN',
      message: expect.stringContaining('"nodjs" (did you mean "nodejs"?)'),
    }),
  );
});

it('resolvePackages() gives up on a riddle instead of trying for hours', () => {
  // Pigeons and holes: nine packages, each in one of eight places that only one may take.
  const pigeons = Array.from({ length: 9 }, (_, pigeon) => pigeon);
  const lines = pigeons.flatMap((pigeon) => [
    `pigeon${pigeon}-1 D:place${pigeon}`,
    ...pigeons
      .slice(1)
      .map((hole) => `in${pigeon}x${hole}-1 p:place${pigeon}=${hole},hole${hole}=1`),
  ]);
  const world = pigeons.map((pigeon) => `pigeon${pigeon}`).join(' ');
  expect(() => resolve(lines.join('\n'), world)).toThrow(
    expect.objectContaining({ code: 'IMAGE_PACKAGES_CONFLICT' }),
  );
});

/** A generator of numbers that gives the same ones each time. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

it('resolvePackages() meets every dependency of random repositories, the same way whatever their order', () => {
  let solved = 0;
  for (let seed = 1; seed <= 60; seed += 1) {
    const next = random(seed);
    const pick = (count: number) => Math.floor(next() * count);
    const lines = Array.from({ length: 30 }, (_, index) => {
      const name = `p${index % 15}`;
      const version = 1 + Math.floor(index / 15);
      const needs = Array.from({ length: pick(3) }, () => {
        const kind = pick(5);
        const other = `p${pick(15)}`;
        if (kind === 0) return `!p${pick(15)}<2`;
        if (kind === 1) return `${other}=2`;
        return kind === 2 ? `v${pick(4)}` : other;
      });
      const provides = pick(3) === 0 ? ` p:v${pick(4)}=${version}` : '';
      return `${name}-${version}${needs.length > 0 ? ` D:${needs.join(',')}` : ''}${provides}`;
    });
    const outcome = attempt(lines.join('\n'), 'p0 p1 p2');
    expect(attempt(lines.toReversed().join('\n'), 'p0 p1 p2')).toBe(outcome);
    if (outcome.startsWith('p')) {
      solved += 1;
      checkClosed(lines, outcome.split(' '));
    }
  }
  expect(solved).toBeGreaterThan(10);
});

function attempt(text: string, world: string): string {
  try {
    return resolve(text, world);
  } catch (error) {
    return (error as { code?: string }).code ?? 'failed';
  }
}

/** Checks with code of its own that what was chosen is whole. */
function checkClosed(lines: readonly string[], chosen: readonly string[]): void {
  const packages = chosen.map((id) => lines.find((line) => line.split(' ')[0] === id) ?? '');
  const versionsOf = (name: string) => packages.flatMap((line) => versionUnder(line, name) ?? []);
  for (const line of packages) {
    for (const need of / D:(\S+)/.exec(line)?.[1]?.split(',') ?? []) {
      const [, mark, name = '', exact, below] = /^(!?)(\w+?)(?:=(\d))?(?:<(\d))?$/.exec(need) ?? [];
      const versions = versionsOf(name);
      const isOwn = versionUnder(line, name) !== undefined;
      const problems =
        mark === '!' ? versions.filter((version) => !isOwn && version < Number(below)) : [];
      const isExact = exact === undefined || versions[0] === Number(exact);
      expect(problems, `${need} of ${line}`).toEqual([]);
      expect(isExact, `${need} of ${line}`).toBe(true);
      expect(versions.length, `${need} of ${line}`).toBeOneOf(mark === '!' ? [0, 1] : [1]);
    }
  }
}

/** The version of a package of the line under a name. */
function versionUnder(line: string, name: string): number | undefined {
  const [, own, version] = /^(\w+)-(\d)/.exec(line) ?? [];
  const [, provided, providedVersion] = / p:(\S+)=(\d)/.exec(line) ?? [];
  if (own === name) return Number(version);
  return provided === name ? Number(providedVersion) : undefined;
}
