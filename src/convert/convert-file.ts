import { basename, dirname } from 'node:path';
import { ConfigError } from '../config/config-error.ts';
import type { FileAccess } from '../config/file-access.ts';
import { readConfig } from '../config/read-config.ts';
import type { HostEnv } from '../config/yaml/interpolate.ts';
import { GondolinError } from '../errors/gondolin-error.ts';
import { printable } from '../protocol/printable.ts';
import { convertCompose } from './compose/convert-compose.ts';
import type { ConvertContext } from './convert-context.ts';
import { convertDevcontainer } from './devcontainer/convert-devcontainer.ts';
import { readInput } from './read-input.ts';
import { type Remark, Remarks } from './remark.ts';
import { writeYaml } from './yaml-writer.ts';

export interface ConvertOptions {
  /** Absolute path of the foreign file. */
  readonly input: string;
  /** Absolute path that the text is meant for: its host paths are relative to that file's directory. */
  readonly output: string;
  readonly access: FileAccess;
  /** Variables of the host, for checking the result. */
  readonly env: HostEnv;
}

/** A converted file, and what its reader has to know. */
export interface Conversion {
  /** Text of the project file. */
  readonly text: string;
  readonly remarks: readonly Remark[];
  /** Complaints that `gondolin plan` would have, as `line:col: message`; usually empty. */
  readonly problems: readonly string[];
}

/** The repository of a dev container file: the directory above `.devcontainer/`. */
function repositoryOf(path: string): string {
  const directory = dirname(path);
  if (basename(directory) === '.devcontainer') return dirname(directory);
  const above = dirname(directory);
  return basename(above) === '.devcontainer' ? dirname(above) : directory;
}

function problemsOf(text: string, { output, access, env }: ConvertOptions): string[] {
  try {
    readConfig({ path: output, text }, { access, env });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.issues.map(({ at, message }) => `${at.line}:${at.col}: ${printable(message)}`);
  }
}

/**
 * Converts a Compose file (`*.yaml`, `*.yml`) or a dev container file (`*.json`, `*.jsonc`) to a project file. Runs nothing of it.
 * @throws {GondolinError} CONVERT_INPUT_UNREADABLE, CONVERT_INPUT_INVALID.
 */
export function convertFile(options: ConvertOptions): Conversion {
  const { input, output, access } = options;
  const ending = /\.(ya?ml|jsonc?)$/i.exec(input)?.[1]?.toLowerCase();
  if (ending === undefined) {
    throw new GondolinError(
      'CONVERT_INPUT_INVALID',
      `${printable(input)}: want a Compose file (.yaml, .yml) or a devcontainer.json`,
    );
  }
  const isJson = ending.startsWith('json');
  const tree = readInput(input, access, isJson ? 'json' : 'yaml');
  const remarks = new Remarks();
  const context: ConvertContext = {
    access,
    remarks,
    inputDirectory: isJson ? repositoryOf(input) : dirname(input),
    outputDirectory: dirname(output),
  };
  const map = isJson ? convertDevcontainer(tree, context) : convertCompose(tree, context);
  const heading = [
    `# Converted from ${printable(basename(input))} by gondolin. Every key: docs/config.md`,
    '# `gondolin plan` prints what it means; what was left out was listed when it was written.',
  ];
  const text = `${heading.join('\n')}\n${writeYaml(map)}`;
  return { text, remarks: remarks.list, problems: problemsOf(text, options) };
}
