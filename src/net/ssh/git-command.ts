import { splitPlainWords } from '../../util/plain-words.ts';
import type { SshExecRequest } from './ssh-options.ts';

/**
 * A command of git over SSH: what `getInfoFromSshExecRequest` reads from a request.
 *
 * @example
 * const isRead = (info: GitSshExecInfo | null) => info?.service === 'git-upload-pack';
 */
export interface GitSshExecInfo {
  /** `git-upload-pack` to read, `git-receive-pack` to push, `git-upload-archive`. */
  readonly service: string;
  /** Path of the repository without slashes around it: `org/project.git`. */
  readonly repo: string;
}

/** Programs that git asks a server for. */
const GIT_SERVICES: readonly string[] = [
  'git-upload-pack',
  'git-receive-pack',
  'git-upload-archive',
];

/**
 * Reads a command of git over SSH, word by word as a shell would: `git-upload-pack 'org/project.git'`.
 *
 * @returns Null for anything else: another program, more words, a path with `..` or starting with `-` or `~`, or a text that
 *   a shell would change or run further commands from.
 *
 * @example
 * const execPolicy: SshExecPolicy = (request) => {
 *   const git = getInfoFromSshExecRequest(request);
 *   return { allow: git?.service === 'git-upload-pack' && git.repo === 'org/project.git' };
 * };
 */
export function getInfoFromSshExecRequest(
  request: Pick<SshExecRequest, 'command'>,
): GitSshExecInfo | null {
  const words = splitPlainWords(request.command);
  const [service = '', path = ''] = words ?? [];
  if (words?.length !== 2 || !GIT_SERVICES.includes(service)) return null;
  const repo = path.replace(/^\/+|\/+$/g, '');
  const isPlain = /^[A-Za-z0-9._+@][A-Za-z0-9._+@-]*(?:\/[A-Za-z0-9._+@-]+)*$/.test(repo);
  return isPlain && !repo.split('/').includes('..') ? { service, repo } : null;
}
