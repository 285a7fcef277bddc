import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');

/** Our words that codespell takes for a misspelling: a DNS term, a field of HTTP, parts of identifiers. */
const OURS = ['additionals', 'nd', 'nin', 'te'];
/** Misspelled on purpose, most of them for tests of the "did you mean" hints. */
const ON_PURPOSE = [
  'comand',
  'debain',
  'etxt',
  'inh',
  'instal',
  'memroy',
  'neds',
  'progres',
  'requets',
  'ser',
];
/** A word, or a part of a name in camel case; by itself codespell skips words in single quotes. */
const WORD = '[A-Z]?[a-z]+';

/** Returns `file:line: word ==> correction` for each misspelling. `scripts/host-packages.mjs` installs codespell. */
function misspellings(paths: readonly string[], ignored: readonly string[]): string[] {
  const words = ignored.join(',');
  const args = [
    '--quiet-level',
    '3',
    '--regex',
    WORD,
    '--skip',
    'guest/build/*',
    '--ignore-words-list',
    words,
  ];
  try {
    execFileSync('codespell', [...args, ...paths], { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' });
    return [];
  } catch (error) {
    const { stdout, status } = error as { stdout?: string; status?: number | null };
    if (typeof status !== 'number' || !stdout) throw error;
    return stdout.trim().split('\n');
  }
}

it('sources, scripts and documents have no common misspelling', () => {
  const folders = ['src', 'docs', 'guest', 'scripts', 'bench', 'examples', 'schema'];
  const pages = ['README.md', 'SECURITY.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'package.json'];
  expect(misspellings([...folders, ...pages], OURS)).toEqual([]);
});

it('tests have no common misspelling but those on purpose', () => {
  expect(misspellings(['test'], [...OURS, ...ON_PURPOSE])).toEqual([]);
});

it('a misspelling is found', () => {
  const page = join(ROOT, 'test/house/spelling.test.ts');
  expect(misspellings([page], OURS).join('\n')).toContain('debain ==> debian');
});
