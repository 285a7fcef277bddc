import { writeFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { CommandRun } from '../command-context.ts';
import { writeText } from '../io.ts';

const STARTER = `# yaml-language-server: $schema=./node_modules/gondolin/schema/gondolin.schema.json
# \`gondolin run\` starts a micro-VM and runs the steps in it. Every key: docs/config.md
version: 1
image: debian            # built on first use, then cached

volumes:
  - .:/workspace         # this directory, read-write; .:/workspace:ro is read-only

steps:
  - name: kernel
    run: uname -a        # a string runs in /bin/sh -lc, a list without a shell

  - name: files
    run: ls -la
    timeout: 1m
`;

/** `init`: writes a starter project file; overwrites an existing one only with \`--force\`. */
export const initCommand: CommandRun<{ readonly force?: boolean }> = async ({ io, options }) => {
  const file = resolve(io.cwd, options.file ?? 'gondolin.yaml');
  const shown = relative(io.cwd, file) || file;
  try {
    await writeFile(file, STARTER, { flag: options.force === true ? 'w' : 'wx' });
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'EEXIST') {
      throw new GondolinError('CLI_FILE_EXISTS', `${shown} already exists`, { cause });
    }
    throw new GondolinError('CLI_USAGE', `cannot write ${shown}: ${String(code ?? cause)}`, {
      cause,
      hint: 'Choose a file in a writable directory: gondolin init -f FILE.',
    });
  }
  await writeText(io.stdout, `Wrote ${shown}. Next: gondolin run\n`);
  return 0;
};
