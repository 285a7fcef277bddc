import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';

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

/** Each example as a module of its own: what it does not declare itself is declared before it. */
function examples(): string[] {
  const names = 'createHttpHooks, MemoryProvider, ReadonlyProvider, RealFSProvider, VM';
  const blocks = [...`${docs}${readme}`.matchAll(/```js\n(.*?)```/gs)].map(
    (block) => block[1] ?? '',
  );
  return blocks.map((text) => {
    const imports = text.includes("from 'gondolin'")
      ? ''
      : `import { ${names} } from 'gondolin';\n`;
    const vm = / vm = /.test(text) || !text.includes('vm.') ? '' : 'declare const vm: VM;\n';
    return `${imports}${vm}${text}\nexport {};\n`;
  });
}

const INDEX = join(ROOT, 'src/index.ts');
const VIRTUAL = join(ROOT, 'docs-examples');
const sources = new Map(examples().map((text, at) => [join(VIRTUAL, `${at}.mts`), text]));

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

it('docs/sdk.md and README.md have examples that type-check', () => {
  expect(sources.size).toBeGreaterThan(5);
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
