import { printable } from '../../protocol/printable.ts';
import type { Repository } from './repository.ts';

/** Files that say something about a project without being one of its kinds. */
export interface OtherFiles {
  readonly files: readonly string[];
  readonly hasDockerfile: boolean;
  /** Debian packages that it installs. */
  readonly packages: readonly string[];
  /** Lines of text for the written file: what was seen, and what to do. */
  readonly comments: readonly string[];
}

const COMPOSE = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'];
const DEVCONTAINER = ['.devcontainer/devcontainer.json', '.devcontainer.json'];
const MAX_COMMANDS = 12;
const MAX_PACKAGES = 100;
const PACKAGE = /^[a-z0-9][a-z0-9+.-]+$/;
const INSTALL = /\bapt(?:-get)?\s+(?:-\S+\s+){0,20}install\s+([^&|;\n]*)/g;

function debianPackages(dockerfile: string): string[] {
  const lines = dockerfile.replaceAll(/\\\r?\n(?:\s*#[^\n]*\n){0,100}/g, ' ');
  const packages = new Set<string>();
  for (const [, list = ''] of lines.matchAll(INSTALL)) {
    for (const word of list.split(/\s+/)) {
      const name = word.split('=', 1)[0] ?? '';
      if (PACKAGE.test(name) && packages.size < MAX_PACKAGES) packages.add(name);
    }
  }
  return [...packages];
}

async function findWorkflows(
  repository: Repository,
): Promise<{ files: string[]; comments: string[] }> {
  const names = repository.names('.github/workflows').filter((name) => /\.ya?ml$/.test(name));
  const paths = [
    ...names.slice(0, 20).map((name) => `.github/workflows/${name}`),
    '.gitlab-ci.yml',
  ];
  const files = paths.filter((path) => repository.text(path) !== null);
  if (files.length === 0) return { files, comments: [] };
  // The parser is loaded only when there is something to read.
  const { workflowCommands } = await import('./workflow-commands.ts');
  const commands = files.flatMap((path) => workflowCommands(path, repository.text(path) ?? ''));
  const shown = [...new Set(commands)]
    .slice(0, MAX_COMMANDS)
    .map((line) => `  ${printable(line, 90)}`);
  const comments =
    shown.length === 0 ? [] : ['The CI of this repository runs, among others:', ...shown];
  return { files, comments };
}

/** Looks for a Dockerfile, a Compose file, a dev container and CI workflows. */
export async function findOtherFiles(repository: Repository): Promise<OtherFiles> {
  const present = (names: readonly string[]) =>
    names.filter((name) => repository.text(name) !== null);
  const dockerfile = repository.text('Dockerfile');
  const convertible = [...present(COMPOSE), ...present(DEVCONTAINER)];
  const { files, comments } = await findWorkflows(repository);
  return {
    hasDockerfile: dockerfile !== null,
    files: [...(dockerfile === null ? [] : ['Dockerfile']), ...convertible, ...files],
    packages: dockerfile === null ? [] : debianPackages(dockerfile),
    comments: [
      ...convertible.map((path) => `${path}: \`gondolin convert ${path}\` prints its sandboxes.`),
      ...comments,
    ],
  };
}
