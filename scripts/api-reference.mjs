// `npm run docs:api`: writes docs/api/ from the declarations and docstrings of what src/index.ts exports.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ts from 'typescript6';

const ROOT = join(import.meta.dirname, '..');
const SRC = join(ROOT, 'src');
/** Another place for the test that compares. */
const OUT = resolve(ROOT, process.argv[2] ?? 'docs/api');

/** Page of a room's exports; another room has a page of its name. */
const PAGES = {
  ...{ agent: 'vm', image: 'vm', plan: 'vm', machine: 'vm' },
  ...{ net: 'network', address: 'network', protocol: 'vfs' },
};
const TITLES = {
  vm: 'VMs and commands',
  network: 'Network',
  vfs: 'Mounts and providers',
  errors: 'Errors',
  config: 'Functions of the Go API',
  util: 'Text',
  ingress: 'Ports and ingress',
  session: 'Sessions',
  ssh: 'SSH',
};

/** Names and modules of src/index.ts, in its order. */
function readExports() {
  const path = join(SRC, 'index.ts');
  const index = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2023, true);
  return index.statements.filter(ts.isExportDeclaration).flatMap((statement) =>
    statement.exportClause.elements.map((element) => ({
      name: element.name.text,
      module: statement.moduleSpecifier.text.replace('./', ''),
    })),
  );
}

/** The module as a .d.ts: no bodies, nothing private, docstrings kept. */
function declarationsOf(module) {
  const { outputText } = ts.transpileDeclaration(readFileSync(join(SRC, module), 'utf8'), {
    fileName: module,
    compilerOptions: { target: ts.ScriptTarget.ES2023, stripInternal: true },
  });
  const file = ts.createSourceFile('a.d.ts', outputText, ts.ScriptTarget.ES2023, true);
  return new Map(
    file.statements.flatMap((statement) => {
      const constants = ts.isVariableStatement(statement)
        ? statement.declarationList.declarations
        : [];
      return [statement, ...constants].flatMap(({ name }) =>
        name ? [[name.text, statement]] : [],
      );
    }),
  );
}

/** Declarations of the same module that one refers to and that are no export of the package. */
function neededBy(statement, declarations, known) {
  const found = new Map();
  const visit = (node) => {
    const reference = ts.isTypeReferenceNode(node) ? node.typeName : node.expression;
    const isType = ts.isTypeReferenceNode(node) || ts.isExpressionWithTypeArguments(node);
    const name = isType ? reference.getText() : '';
    if (declarations.has(name) && !known.has(name) && !found.has(name)) {
      found.set(name, declarations.get(name));
      visit(declarations.get(name));
    }
    ts.forEachChild(node, visit);
  };
  visit(statement);
  return [...found.values()];
}

/** The text of a docstring: what stands before its tags, its tags, its example. */
function readDocstring(statement) {
  const comment = ts.getJSDocCommentsAndTags(statement)[0]?.getText() ?? '';
  const text = comment
    .replace(/^\/\*\*|\*\/$/g, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trimEnd())
    .join('\n')
    .replace(/\{@link ([\w.]+)\}/g, '`$1`')
    .trim();
  const [description, ...parts] = text.split(
    /(?:^|\n|\s)@(?=(?:example|param|returns|throws|default)\b)/,
  );
  const tags = parts.map((part) => {
    const [, tag, value] = /^(\w+)\s*(.*)$/s.exec(part);
    return { tag, value: value.trimEnd() };
  });
  return { description: description.trim(), tags };
}

const LABELS = { param: 'Parameter', returns: 'Returns', throws: 'Throws', default: 'Default' };

function formatTag({ tag, value }) {
  const text = value.replace(/\s+/g, ' ').replace(/^\{(\w+)\} /, '`$1`: ');
  return `- ${LABELS[tag]} ${tag === 'param' ? text.replace(/^(\w+) /, '`$1`: ') : text}`;
}

/** A declaration without its own docstring, indented by two spaces. */
function formatDeclaration(statement) {
  return statement
    .getText()
    .replace(/^export (declare )?|^declare /, '')
    .replace(/^ {4}(?:#private|private constructor\(\));\n/gm, '')
    .replace(/^(?: {4})+/gm, (spaces) => ' '.repeat(spaces.length / 2));
}

function formatEntry({ name, statement, needed }) {
  const { description, tags } = readDocstring(statement);
  const example = tags.find(({ tag }) => tag === 'example');
  const facts = tags.filter(({ tag }) => tag !== 'example').map(formatTag);
  const below = needed.map((one) => {
    const doc = readDocstring(one).description.replaceAll('\n', ' ');
    return `${doc === '' ? '' : `// ${doc}\n`}${formatDeclaration(one)}`;
  });
  return [
    `## \`${name}\``,
    description,
    ...(facts.length > 0 ? [facts.join('\n')] : []),
    `\`\`\`ts\n${[formatDeclaration(statement), ...below].join('\n\n')}\n\`\`\``,
    ...(example === undefined ? [] : [`Example:\n\n\`\`\`ts\n${example.value.trim()}\n\`\`\``]),
  ].join('\n\n');
}

const KINDS = new Map([
  [ts.SyntaxKind.ClassDeclaration, 'class'],
  [ts.SyntaxKind.FunctionDeclaration, 'function'],
  [ts.SyntaxKind.VariableStatement, 'constant'],
]);

function firstSentence(text) {
  return text.replace(/\s+/g, ' ').split(/(?<=(?<!e\.g)\.)\s/)[0] ?? '';
}

function formatIndex(pages) {
  const rows = [...pages].flatMap(([page, entries]) =>
    entries.map(({ name, statement }) => {
      const kind = KINDS.get(statement.kind) ?? 'type';
      const cell = firstSentence(readDocstring(statement).description).replaceAll('|', '\\|');
      return `| [\`${name}\`](${page}.md#${name.toLowerCase()}) | ${kind} | ${cell} |`;
    }),
  );
  return `# API reference

Every export of the package \`gondolin\`, made from the docstrings by \`npm run docs:api\`. The guide is [sdk.md](../sdk.md).

| export | kind | what it is |
|---|---|---|
${rows.join('\n')}
`;
}

/** Returns the text of every page below docs/api/, by its file name. */
export function apiReference() {
  const exported = readExports();
  const known = new Set(exported.map(({ name }) => name));
  const declared = new Map(
    [...new Set(exported.map(({ module }) => module))].map((module) => [
      module,
      declarationsOf(module),
    ]),
  );
  const pages = new Map();
  for (const { name, module } of exported) {
    const declarations = declared.get(module);
    const statement = declarations.get(name);
    const [room = ''] = module.split('/');
    const page = PAGES[room] ?? room;
    const entry = { name, statement, needed: neededBy(statement, declarations, known) };
    pages.set(page, [...(pages.get(page) ?? []), entry]);
  }
  const files = new Map([['README.md', formatIndex(pages)]]);
  for (const [page, entries] of pages) {
    const title = TITLES[page] ?? page;
    files.set(`${page}.md`, `# ${title}\n\n${entries.map(formatEntry).join('\n\n')}\n`);
  }
  return files;
}

rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT, { recursive: true });
for (const [name, text] of apiReference()) writeFileSync(join(OUT, name), text);
