import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ts from 'typescript6';

const SRC = resolve(import.meta.dirname, '../../src');

export interface SdkExport {
  readonly name: string;
  readonly isType: boolean;
  /** The code after `@example`; empty without one. */
  readonly example: string;
}

function parse(path: string): ts.SourceFile {
  const text = readFileSync(path, 'utf8');
  return ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true);
}

/** Reads the code from a file and not from the parsed comment, which loses its line breaks. */
function exampleOf(file: ts.SourceFile, name: string): string {
  const declaration = file.statements.find((statement) => {
    if (ts.isVariableStatement(statement)) {
      return statement.declarationList.declarations.some((one) => one.name.getText(file) === name);
    }
    const isNamed =
      ts.isClassDeclaration(statement) ||
      ts.isFunctionDeclaration(statement) ||
      ts.isInterfaceDeclaration(statement) ||
      ts.isTypeAliasDeclaration(statement);
    return isNamed && statement.name?.text === name;
  });
  if (declaration === undefined) throw new Error(`${file.fileName} declares no ${name}`);
  const tag = ts.getJSDocTags(declaration).find(({ tagName }) => tagName.text === 'example');
  if (tag === undefined) return '';
  const lines = tag.getText(file).split('\n').slice(1);
  return lines.map((line) => line.replace(/^\s*\* ?/, '').replace(/\*\/$/, '')).join('\n');
}

/** Every export of src/index.ts, in its order. */
export function sdkExports(): SdkExport[] {
  const index = parse(join(SRC, 'index.ts'));
  return index.statements.filter(ts.isExportDeclaration).flatMap((statement) => {
    const { exportClause, moduleSpecifier, isTypeOnly } = statement;
    if (exportClause === undefined || !ts.isNamedExports(exportClause)) {
      throw new Error(`src/index.ts: name each export of ${statement.getText()}`);
    }
    const from = moduleSpecifier as ts.StringLiteral;
    const file = parse(join(SRC, from.text));
    return exportClause.elements.map((element) => ({
      name: element.name.text,
      isType: isTypeOnly || element.isTypeOnly,
      example: exampleOf(file, element.name.text),
    }));
  });
}
