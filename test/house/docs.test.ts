import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

function filesBelow(directory: string, ending: string): string[] {
  return readdirSync(join(ROOT, directory), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending) && !name.includes('node_modules'))
    .map((name) => join(directory, name));
}

const pages = [
  ...['README.md', 'SECURITY.md', 'CHANGELOG.md'],
  ...filesBelow('docs', '.md'),
  ...filesBelow('examples', '.md'),
];
const examples = readdirSync(join(ROOT, 'examples'));
const records = readdirSync(join(ROOT, 'docs/decisions'));

/** As GitHub names the heading: lower case, blanks as dashes, other marks left out. */
function anchorOf(heading: string): string {
  const text = heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '');
  return text.replaceAll(' ', '-');
}

function anchorsOf(page: string): string[] {
  return [...read(page).matchAll(/^#+ (.*)$/gm)].map((heading) => anchorOf(heading[1] ?? ''));
}

it('links between the documents lead to files and headings that are there', () => {
  const broken: string[] = [];
  for (const page of pages) {
    for (const [, link = ''] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue;
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : join(dirname(page), path);
      const isThere = existsSync(join(ROOT, target));
      const isFound = anchor === undefined || (isThere && anchorsOf(target).includes(anchor));
      if (!isThere || !isFound) broken.push(`${page}: ${link}`);
    }
  }
  expect(broken).toEqual([]);
});

it('README.md links each page of docs, or one that does', () => {
  const linked = (page: string) => {
    const links = [...read(page).matchAll(/\]\(([^)#\s]+\.md)(?:#[^)]*)?\)/g)];
    return links.map(([, link = '']) => join(dirname(page), link));
  };
  const direct = linked('README.md');
  const known = new Set([...direct, ...direct.flatMap(linked)]);
  const docs = filesBelow('docs', '.md').filter((page) => !page.startsWith('docs/decisions/'));
  expect(docs.filter((page) => !known.has(page))).toEqual([]);
});

it('records of decisions have one number each, in the file name as in the heading', () => {
  const numbers = records.map((name) => Number(/^(\d{4})-/.exec(name)?.[1]));
  expect(new Set(numbers).size).toBe(records.length);
  const titles = records.map((name) =>
    Number(/^# (\d+)\. /.exec(read(`docs/decisions/${name}`))?.[1]),
  );
  expect(titles).toEqual(numbers);
});

it('sources, tests and documents name records of decisions that are there', () => {
  const texts = [...pages, ...filesBelow('src', '.ts'), ...filesBelow('guest/src', '.c')];
  const named = texts.flatMap((path) => [...read(path).matchAll(/decisions\/([\w-]+\.md)/g)]);
  expect(named.length).toBeGreaterThan(3);
  expect(named.map((match) => match[1]).filter((name) => !records.includes(name ?? ''))).toEqual(
    [],
  );
});

it.each(examples)('examples/%s has a project file and a README that README.md links', (name) => {
  expect(existsSync(join(ROOT, 'examples', name, 'gondolin.yaml'))).toBe(true);
  expect(read(`examples/${name}/README.md`)).toMatch(new RegExp(`^# ${name}\n`));
  expect(read('README.md')).toContain(`(examples/${name}/README.md)`);
});

it('docs/cli.md names each command and each option of the program', () => {
  const docs = read('docs/cli.md');
  const program = ['src/cli/program.ts', ...filesBelow('src/cli/program', '.ts')]
    .map(read)
    .join('\n');
  const commands = [...program.matchAll(/\badd(?:<[^>]*>)?\(\s*'(\w+)/g)].map((match) => match[1]);
  const options = [...program.matchAll(/(?:option|Option)\(\s*'(?:-\w, )?(--[\w-]+)/g)];
  expect(commands.length).toBeGreaterThan(7);
  expect(options.length).toBeGreaterThan(18);
  expect(commands.filter((name) => !docs.includes(`| \`${name}`))).toEqual([]);
  const names = options.map((match) => match[1] ?? '');
  expect(names.filter((name) => !new RegExp(`\`[^\`]*${name}\\b`).test(docs))).toEqual([]);
});

it('docs/environment.md has a row for each variable that gondolin reads, and no other of its own', () => {
  const files = filesBelow('src', '.ts').map(read);
  // Without comments: their examples read variables of the user's.
  const source = files.map((text) => text.replaceAll(/^\s*\*.*$/gm, '')).join('\n');
  const docs = read('docs/environment.md');
  const rows = [...docs.matchAll(/^\| (`.*?`) \| /gm)].map((row) => row[1] ?? '');
  const listed = rows.flatMap((row) => row.replaceAll('`', '').split(', '));
  const taken = [...source.matchAll(/\benv\['([A-Za-z_]+)'\]/g)].map((match) => match[1] ?? '');
  expect(taken.length).toBeGreaterThan(5);
  expect(taken.filter((name) => !listed.includes(name))).toEqual([]);
  const own = listed.filter((name) => name.startsWith('GONDOLIN_'));
  expect(own.filter((name) => !taken.includes(name))).toEqual([]);
});
