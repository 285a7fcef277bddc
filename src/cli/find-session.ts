import { dirname, relative } from 'node:path';
import { GondolinError } from '../errors/gondolin-error.ts';
import { resolveDirectories } from '../host/directories.ts';
import { type FoundSession, listSessions } from '../session/client/list-sessions.ts';
import type { SessionFacts } from '../session/session-facts.ts';
import type { GlobalOptions } from './command-context.ts';
import type { CliIo } from './io.ts';
import { projectFile } from './open-project.ts';
import { findProject } from './project/find-project.ts';
import { plainText } from './ui/text/describe.ts';
import { usageError } from './usage-error.ts';

/** A VM that answers, with the directory of its session. */
export interface LiveSession extends SessionFacts {
  readonly controlDirectory: string;
}

/** The options that say which project is meant. */
export type ProjectScope = Pick<GlobalOptions, 'file' | 'projectName'>;

/** Lists the VMs of this user that answer; with `-p` or `-f` only those of that project. @throws {GondolinError} HOST_DIRECTORY_UNUSABLE */
export async function listLiveSessions(io: CliIo, scope: ProjectScope): Promise<LiveSession[]> {
  const found = await listSessions(resolveDirectories(io.env).sessions);
  const { file, projectName } = scope;
  const directory = file === undefined ? null : dirname(projectFile(io, { file }));
  return found
    .flatMap(toLive)
    .filter(
      (session) =>
        (projectName === undefined || session.project === projectName) &&
        (directory === null || session.directory === directory),
    );
}

function toLive({ place, facts }: FoundSession): LiveSession[] {
  return facts === null ? [] : [{ ...facts, controlDirectory: place.directory }];
}

/** True when the session's project is in `directory` or above it. */
export function isProjectAbove(session: SessionFacts, directory: string): boolean {
  const path = relative(session.directory, directory);
  return session.project !== null && (path === '' || !(path === '..' || path.startsWith('../')));
}

/** Names a VM in a message: its id, with its label or sandbox. */
export function sessionTitle({ id, label, project, sandbox }: SessionFacts): string {
  const name = label ?? (sandbox === null ? null : `${project}/${sandbox}`);
  return name === null ? id : `${id} (${plainText(name)})`;
}

/** Prefers the VMs of the project that a command is run in. */
function narrow(matching: readonly LiveSession[], cwd: string): readonly LiveSession[] {
  const here = matching.filter((session) => isProjectAbove(session, cwd));
  return here.length === 0 ? matching : here;
}

function isNamed({ label, project, sandbox }: SessionFacts, word: string): boolean {
  return label === word || sandbox === word || `${project}/${sandbox}` === word;
}

/**
 * Chooses the VM that a word means: its id, its label, the name of its sandbox (`SANDBOX` or `PROJECT/SANDBOX`), or the first
 * digits of its id. Pure.
 * @throws {GondolinError} SESSION_NOT_FOUND; CLI_USAGE when it means several.
 */
export function chooseSession(
  sessions: readonly LiveSession[],
  word: string,
  cwd: string,
): LiveSession {
  const exact = sessions.find(({ id }) => id === word);
  if (exact !== undefined) return exact;
  const named = sessions.filter((session) => isNamed(session, word));
  const isPrefix = /^[0-9a-f]+$/.test(word);
  const byId = isPrefix ? sessions.filter(({ id }) => id.startsWith(word)) : [];
  const [only, ...others] = narrow(named.length > 0 ? named : byId, cwd);
  if (only === undefined) {
    throw new GondolinError('SESSION_NOT_FOUND', `no running VM is ${JSON.stringify(word)}`);
  }
  if (others.length === 0) return only;
  const titles = [only, ...others].map(sessionTitle).join(', ');
  throw usageError(
    `${JSON.stringify(word)} matches several VMs: ${titles}`,
    'Write the id of one.',
  );
}

/** Returns the VMs of the project of this directory that `up` runs by its own name. */
function ofProjectHere(sessions: readonly LiveSession[], io: CliIo): readonly LiveSession[] {
  const here = findProject(io, {});
  if (here === null) return [];
  const { name, file } = here.record;
  return sessions.filter(
    ({ project, directory }) => project === name && directory === dirname(file),
  );
}

/**
 * Finds the running VM that a word means: of several projects of one file that run, that with its own name.
 * @throws as {@link chooseSession}; HOST_DIRECTORY_UNUSABLE
 */
export async function findSession(
  io: CliIo,
  word: string,
  scope: ProjectScope,
): Promise<LiveSession> {
  const sessions = await listLiveSessions(io, scope);
  const isScoped = scope.file !== undefined || scope.projectName !== undefined;
  const own = isScoped ? [] : ofProjectHere(sessions, io);
  const named = own.filter(({ sandbox }) => sandbox === word);
  const [only] = named;
  return named.length === 1 && only !== undefined ? only : chooseSession(sessions, word, io.cwd);
}
