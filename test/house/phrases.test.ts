import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import ALLOWED from './phrases.json' with { type: 'json' };

const ROOT = resolve(import.meta.dirname, '../..');

/** Phrases that read as translated, with what to write instead. */
const PHRASES: readonly { readonly phrase: RegExp; readonly instead: string }[] = [
  {
    phrase: /\/\*\*? (?:What|Whatever|Who|Whose|Whom|Of|How|Told) [^\n]{0,40}/g,
    instead: 'open with a verb ("Returns …") or a noun phrase ("The bytes of …")',
  },
  { phrase: /(?<!\bthere )\b(?:is|are|was|were) none\b/gi, instead: 'say what is absent' },
  { phrase: /\bas whom\b/gi, instead: 'name the identity' },
  { phrase: /\banew\b/gi, instead: 'again' },
  { phrase: /\bof its own accord\b/gi, instead: 'by itself' },
  { phrase: /\b(?:go|goes|going|went) on\b(?! (?:a|the|one) )/gi, instead: 'continue, resume' },
  { phrase: /\b(?:is|are|was|be|being) told\b/gi, instead: 'receives, is notified' },
  { phrase: /\blets? go\b/gi, instead: 'release' },
  { phrase: /\bby whom\b|\bto whom\b/gi, instead: 'name the party' },
];

function textFiles(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(?:ts|c|h|md)$/.test(name))
    .map((name) => join(folder, name));
}

const files = [
  ...['README.md', 'SECURITY.md', 'CONTRIBUTING.md', 'CHANGELOG.md'],
  ...['src', 'docs', 'guest/src', 'guest/host'].flatMap(textFiles),
];

/** The folders that a file counts for: a whole tree, and a room of src. */
function foldersOf(file: string): string[] {
  const [first = '', second = '', third] = file.split('/');
  if (first === 'src') return third === undefined ? ['src'] : ['src', `src/${second}`];
  if (first === 'guest') return [`guest/${second}`];
  return [first === 'docs' ? 'docs' : '.'];
}

/** The text with each comment on one line, so that a phrase is found across a line break. */
function unwrapped(text: string): string {
  return text.replaceAll(/[ \t]*\n[ \t]*(?:\*(?!\/)|\/\/|\/\*\*?(?=\n))?[ \t]*(?=\S)/g, (wrap) =>
    wrap.includes('/*') ? '\n/** ' : ' ',
  );
}

interface Found {
  readonly file: string;
  readonly text: string;
  readonly instead: string;
}

const found: Found[] = files.flatMap((file) => {
  const text = unwrapped(readFileSync(join(ROOT, file), 'utf8'));
  return PHRASES.flatMap(({ phrase, instead }) =>
    [...text.matchAll(phrase)].map((match) => ({ file, text: match[0], instead })),
  );
});

const folders = [...new Set(files.flatMap(foldersOf))];
/** The count of each tree, which may only go down, and the folders that are clean and stay so. */
const { allowed, clean }: { allowed: Readonly<Record<string, number>>; clean: readonly string[] } =
  ALLOWED;

it.each([...Object.keys(allowed), ...clean])(
  '%s has no more phrases than phrases.json allows',
  (folder) => {
    const here = found.filter(({ file }) => foldersOf(file).includes(folder));
    const lines = here.map(({ file, text, instead }) => `${file}: "${text}" → ${instead}`);
    expect(lines.length, lines.join('\n')).toBeLessThanOrEqual(allowed[folder] ?? 0);
  },
);

it('phrases.json covers every tree and names no folder that is gone', () => {
  const named = [...Object.keys(allowed), ...clean];
  expect(named.filter((folder) => !folders.includes(folder))).toEqual([]);
  const trees = folders.filter((folder) => !folder.startsWith('src/'));
  expect(trees.filter((folder) => !named.includes(folder))).toEqual([]);
});

it('the search finds a phrase over a line break and at the start of a docstring', () => {
  const text = unwrapped('/**\n * What of a request\n * goes\n * on.\n */\n// it is\n// none\n');
  const hits = PHRASES.flatMap(({ phrase }) => [...text.matchAll(phrase)].map(([hit]) => hit));
  expect(hits.map((hit) => hit.slice(0, 9))).toEqual(['/** What ', 'is none', 'goes on']);
});
