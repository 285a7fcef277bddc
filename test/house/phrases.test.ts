import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');

/** Phrases that read as translated, with what to write instead. */
const PHRASES: readonly { readonly phrase: RegExp; readonly instead: string }[] = [
  {
    phrase: /\/\*\*? (?:What|Whatever|Who|Whose|Whom|Of|How|Told) [^\n]{0,40}/g,
    instead: 'open with a verb ("Returns …") or a noun phrase ("The bytes of …")',
  },
  {
    phrase: /(?<!\bthere |network\.mode )\b(?:is|are|was|were) none\b/gi,
    instead: 'say what is absent',
  },
  { phrase: /\bas whom\b/gi, instead: 'name the identity' },
  { phrase: /\banew\b/gi, instead: 'again' },
  { phrase: /\bof its own accord\b/gi, instead: 'by itself' },
  { phrase: /\b(?:go|goes|going|went) on\b(?! (?:a|the|one) )/gi, instead: 'continue, resume' },
  { phrase: /\b(?:is|are|was|be|being) told\b/gi, instead: 'receives, is notified' },
  { phrase: /\blets? go\b/gi, instead: 'release' },
  { phrase: /\bso (?:many|much)\b(?! (?:that|as)\b)/gi, instead: 'that many, at most N' },
  { phrase: /\/\*\*? (?:@internal )?As [`{]/g, instead: 'Like' },
  { phrase: /\band its kin\b/gi, instead: 'and similar' },
  { phrase: /\bin the place of\b/gi, instead: 'instead of' },
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

it('src, guest and the documents have none of the phrases that read as translated', () => {
  const lines = found.map(({ file, text, instead }) => `${file}: "${text}" → ${instead}`);
  expect(lines).toEqual([]);
});

it('the search finds a phrase over a line break and at the start of a docstring', () => {
  const text = unwrapped('/**\n * What of a request\n * goes\n * on.\n */\n// it is\n// none\n');
  const hits = PHRASES.flatMap(({ phrase }) => [...text.matchAll(phrase)].map(([hit]) => hit));
  expect(hits.map((hit) => hit.slice(0, 9))).toEqual(['/** What ', 'is none', 'goes on']);
});
