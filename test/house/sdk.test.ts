import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ts from 'typescript6';
import { expect, it } from 'vitest';
import { sdkExports } from './sdk-exports.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const docs = readFileSync(join(ROOT, 'docs/sdk.md'), 'utf8');
const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');

/** Text from one heading (its start is enough) to the next of the same depth. */
function sectionOf(heading: string): string {
  const start = docs.indexOf(`## \`${heading}`);
  if (start < 0) throw new Error(`no section ${heading}`);
  const end = docs.indexOf('\n## ', start);
  return docs.slice(start, end < 0 ? docs.length : end);
}

/** Names in the first cells of the option table of a section. */
function optionsIn(heading: string): string[] {
  const table = sectionOf(heading).split('| option | default | meaning |\n')[1] ?? '';
  const lines = table.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('|'));
  const cells = lines.slice(1, end).map((line) => line.split('|')[1] ?? '');
  return cells.flatMap((cell) => [...cell.matchAll(/`([\w.]+)`/g)].map((name) => name[1] ?? ''));
}

const exported = sdkExports();

/** Makes a module of an example: the exports it uses are imported, and a `vm` it does not create is declared. */
function toModule(text: string): string {
  const used = exported.filter(({ name }) => new RegExp(`\\b${name}\\b`).test(text));
  const names = used.map(({ name, isType }) => (isType ? `type ${name}` : name));
  const hasImports = text.includes("from 'gondolin'");
  const imports = hasImports ? '' : `import { ${names.join(', ')} } from 'gondolin';\n`;
  const hasVm = / vm = /.test(text) || !text.includes('vm.');
  const vm = hasVm ? '' : "declare const vm: import('gondolin').VM;\n";
  return `${imports}${vm}${text}\nexport {};\n`;
}

const blocks = [...`${docs}${readme}`.matchAll(/```js\n(.*?)```/gs)].map((block) => block[1] ?? '');

const INDEX = join(ROOT, 'src/index.ts');
const VIRTUAL = join(ROOT, 'docs-examples');
const sources = new Map([
  ...blocks.map((text, at) => [join(VIRTUAL, `${at}.mts`), toModule(text)] as const),
  ...exported.map(
    ({ name, example }) => [join(VIRTUAL, `${name}.mts`), toModule(example)] as const,
  ),
]);

/** The examples as one program with the SDK's source in the place of its package. */
function compile(): ts.Program {
  const config = ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(
    { ...config.config, include: [] },
    ts.sys,
    ROOT,
  );
  const settings: ts.CompilerOptions = {
    ...options,
    noUnusedLocals: false,
    // A hook may answer some requests only.
    noImplicitReturns: false,
    paths: { gondolin: [INDEX] },
  };
  const host = ts.createCompilerHost(settings);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => sources.has(path) || fileExists(path);
  host.readFile = (path) => sources.get(path) ?? readFile(path);
  host.getSourceFile = (path, version, ...rest) => {
    const text = sources.get(path);
    if (text === undefined) return getSourceFile(path, version, ...rest);
    return ts.createSourceFile(path, text, version);
  };
  return ts.createProgram([...sources.keys(), INDEX], settings, host);
}

const program = compile();
const checker = program.getTypeChecker();

/** Properties of a type that `src/index.ts` exports; those that are groups of options with what is in them. */
function propertiesOf(name: string, groups: readonly string[] = []): string[] {
  const file = program.getSourceFile(INDEX);
  const module = file === undefined ? undefined : checker.getSymbolAtLocation(file);
  const found = module && checker.getExportsOfModule(module).find((one) => one.name === name);
  if (found === undefined) throw new Error(`src/index.ts exports no ${name}`);
  const type = checker.getDeclaredTypeOfSymbol(checker.getAliasedSymbol(found));
  return checker.getPropertiesOfType(type).flatMap((property) => {
    if (!groups.includes(property.name)) return [property.name];
    const group = checker.getNonNullableType(checker.getTypeOfSymbol(property));
    return checker.getPropertiesOfType(group).map((below) => `${property.name}.${below.name}`);
  });
}

it.each([
  { heading: 'VM.create(', type: 'VMOptions', groups: ['vfs', 'sandbox'] },
  { heading: 'vm.exec(', type: 'ExecOptions', groups: [] },
  { heading: 'createHttpHooks(', type: 'HttpHooksOptions', groups: [] },
])('docs/sdk.md lists the options of $type, and no other', ({ heading, type, groups }) => {
  expect(optionsIn(heading).toSorted()).toEqual(propertiesOf(type, groups).toSorted());
});

it('each export of src/index.ts has an @example', () => {
  expect(exported.length).toBeGreaterThan(40);
  expect(exported.filter(({ example }) => example.trim() === '').map(({ name }) => name)).toEqual(
    [],
  );
});

it('the examples of docs/sdk.md, README.md and the exports type-check', () => {
  expect(blocks.length).toBeGreaterThan(5);
  const problems = [...sources.keys()].flatMap((path) => {
    const file = program.getSourceFile(path);
    if (file === undefined) throw new Error(`${path} was not compiled`);
    const found = [
      ...program.getSyntacticDiagnostics(file),
      ...program.getSemanticDiagnostics(file),
    ];
    return found.map(({ messageText, start = 0 }) => {
      const { line } = file.getLineAndCharacterOfPosition(start);
      return `${file.text.split('\n')[line]}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
    });
  });
  expect(problems).toEqual([]);
});
