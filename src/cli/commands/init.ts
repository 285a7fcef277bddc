import { dirname, resolve } from 'node:path';
import type { CommandRun } from '../command-context.ts';
import { writeText } from '../io.ts';
import { writeNewFile } from '../write-new-file.ts';

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

/** `init`: writes a project file for the repository, or a starter if nothing is found; overwrites one only with `--force`. */
export const initCommand: CommandRun<{ readonly force?: boolean }> = async ({ io, options }) => {
  const file = resolve(io.cwd, options.file ?? 'gondolin.yaml');
  const { openRepository } = await import('../../convert/init/repository.ts');
  const { writeProject } = await import('../../convert/init/write-project.ts');
  const project = await writeProject(openRepository(dirname(file)));
  const shown = await writeNewFile(io, file, project?.text ?? STARTER, options.force === true);
  const found = (project?.found ?? []).map((line) => `Found ${line}\n`).join('');
  await writeText(
    io.stdout,
    `${found}Wrote ${shown}. Next: gondolin ${project === null ? 'run' : 'plan'}\n`,
  );
  return 0;
};
