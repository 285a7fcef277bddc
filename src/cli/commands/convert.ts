import { relative, resolve } from 'node:path';
import { realFiles } from '../../config/file-access.ts';
import type { Conversion } from '../../convert/convert-file.ts';
import type { CommandRun } from '../command-context.ts';
import { type CliIo, writeText } from '../io.ts';
import { usageError } from '../usage-error.ts';
import { writeNewFile } from '../write-new-file.ts';

interface ConvertFlags {
  readonly output?: string;
  readonly force?: boolean;
  readonly strict?: boolean;
}

/** Lists what was not carried over, then what has another form; each with its place. */
async function writeRemarks(io: CliIo, { remarks, problems }: Conversion): Promise<void> {
  const headings = { left: 'not carried over', changed: 'in another form' };
  for (const kind of ['left', 'changed'] as const) {
    for (const { at, key, reason } of remarks.filter((remark) => remark.kind === kind)) {
      const file = relative(io.cwd, at.file) || at.file;
      await writeText(io.stderr, `${file}:${at.line}: ${headings[kind]}: ${key}: ${reason}\n`);
    }
  }
  for (const problem of problems) {
    await writeText(io.stderr, `the converted file needs work: ${problem}\n`);
  }
}

/** `convert`: writes a Compose file or a devcontainer.json as a project file. With `--strict`, 1 if something was left out. */
export const convertCommand: CommandRun<ConvertFlags> = async ({ io, options, operands }) => {
  const [input, ...rest] = operands;
  if (input === undefined || rest.length > 0) {
    throw usageError('convert: want one file, such as compose.yaml or devcontainer.json');
  }
  const output = options.output === undefined ? null : resolve(io.cwd, options.output);
  const { convertFile } = await import('../../convert/convert-file.ts');
  const conversion = convertFile({
    input: resolve(io.cwd, input),
    output: output ?? resolve(io.cwd, 'gondolin.yaml'),
    access: realFiles,
    env: io.env,
  });
  if (output === null) await writeText(io.stdout, conversion.text);
  else await writeNewFile(io, output, conversion.text, options.force === true);
  await writeRemarks(io, conversion);
  const isIncomplete =
    conversion.problems.length > 0 || conversion.remarks.some(({ kind }) => kind === 'left');
  return options.strict === true && isIncomplete ? 1 : 0;
};
