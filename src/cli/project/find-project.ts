import { GondolinError } from '../../errors/gondolin-error.ts';
import { resolveDirectories } from '../../host/directories.ts';
import {
  type FoundProject,
  listProjects,
  projectDirectory,
  readProject,
} from '../../project/background/project-record.ts';
import type { GlobalOptions } from '../command-context.ts';
import type { CliIo } from '../io.ts';
import { projectFile } from '../open-project.ts';

/** Returns the project file, or null without any. */
function fileOrNull(
  io: CliIo,
  options: Pick<GlobalOptions, 'file' | 'projectName'>,
): string | null {
  try {
    return projectFile(io, options);
  } catch (error) {
    if (GondolinError.is(error) && error.code === 'CONFIG_NOT_FOUND') return null;
    throw error;
  }
}

/**
 * Finds the project of `-f` and `-p`, or of the current directory, that runs or whose process was killed; null when there is none. Its
 * file is not read: it may have a mistake by now.
 */
export function findProject(
  io: CliIo,
  options: Pick<GlobalOptions, 'file' | 'projectName'>,
): FoundProject | null {
  const file = fileOrNull(io, options);
  if (file === null) return null;
  const { projects } = resolveDirectories(io.env);
  const { projectName = null } = options;
  const found = readProject(projectDirectory(projects, file, projectName));
  if (found !== null || projectName === null) return found;
  // The project by its own name, which `-p` spells out.
  const own = readProject(projectDirectory(projects, file, null));
  return own?.record.name === projectName ? own : null;
}

/** Returns the directory of a project that is to be started: that of the one that runs, if there is one. */
export function directoryForProject(
  io: CliIo,
  options: Pick<GlobalOptions, 'file' | 'projectName'>,
  file: string,
): string {
  const { projects } = resolveDirectories(io.env);
  const found = findProject(io, options);
  return found?.directory ?? projectDirectory(projects, file, options.projectName ?? null);
}

/** The other projects of the same file, for a hint. */
function othersOf(io: CliIo, file: string | null): readonly string[] {
  const all = listProjects(resolveDirectories(io.env).projects);
  const names = all.filter(({ record }) => record.file === file).map(({ record }) => record.name);
  return names.toSorted();
}

/** @throws {GondolinError} PROJECT_NOT_RUNNING when there is none, or its process was killed */
export function requireProject(
  io: CliIo,
  options: Pick<GlobalOptions, 'file' | 'projectName'>,
): FoundProject {
  const found = findProject(io, options);
  if (found?.isAlive) return found;
  if (found !== null) {
    const { name, owner } = found.record;
    throw new GondolinError(
      'PROJECT_NOT_RUNNING',
      `the process of project ${name} (pid ${owner.pid}) was killed`,
      { hint: 'Start it again with `gondolin up -d`, or forget it with `gondolin down`.' },
    );
  }
  const others = othersOf(io, fileOrNull(io, options));
  const hint = others.length === 0 ? {} : { hint: `Name one with -p: ${others.join(', ')}.` };
  const what =
    options.projectName === undefined ? 'no project' : `no project ${options.projectName}`;
  throw new GondolinError('PROJECT_NOT_RUNNING', `${what} of this directory is running`, hint);
}
