import { yamlMap } from '../yaml-writer.ts';
import { namedHosts } from './named-hosts.ts';
import type { PartStep, ProjectPart } from './project-part.ts';
import type { Repository } from './repository.ts';

interface PackageJson {
  /** False for a file that is not JSON. */
  readonly isReadable: boolean;
  readonly scripts: Readonly<Record<string, unknown>>;
  readonly hasDependencies: boolean;
  readonly hasWorkspaces: boolean;
  readonly manager: string;
}

interface Manager {
  readonly lock: string | null;
  readonly meaning: string;
  readonly install: string;
}

/** Scripts that projects name so, in the order in which they are run. */
const SCRIPTS = ['lint', 'typecheck', 'check', 'build', 'test'];
const LOCK_URL = /\b(?:resolved|tarball)"?:?\s*"?(https?:\/\/[^"\s,}]{1,500})/g;
const RC_URL = /^[ \t]*(?:@[\w.-]{1,100}:)?registry[ \t]*=[ \t]*(\S{1,500})/gm;

const RC_NOTE =
  'npm: .npmrc has a credential, which a guest sees if it is a value: write a variable there, and secrets: [NAME@host] here.';

const UNREADABLE_NOTE =
  'npm: package.json is not JSON: its scripts and packages are missing here. Correct it, and write this file again with gondolin init --force.';

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    // Not JSON: the project is then known by its files alone.
    return null;
  }
}

function readPackageJson(text: string): PackageJson {
  const parsed = parseJson(text);
  const json = isRecord(parsed) ? parsed : {};
  const isFilled = (key: string) => isRecord(json[key]) && Object.keys(json[key]).length > 0;
  return {
    isReadable: isRecord(parsed),
    scripts: isRecord(json['scripts']) ? json['scripts'] : {},
    hasDependencies: isFilled('dependencies') || isFilled('devDependencies'),
    hasWorkspaces: json['workspaces'] !== undefined,
    manager: typeof json['packageManager'] === 'string' ? json['packageManager'] : '',
  };
}

/** `pnpm@9.1.0` of the project's own package.json, else the name alone. */
function withVersion(name: string, manager: string): string {
  const version = /^[a-z]+@(\d{1,4}(?:\.\d{1,4}){0,2})(?:\+|$)/.exec(manager)?.[1];
  return version !== undefined && manager.startsWith(`${name}@`) ? `${name}@${version}` : name;
}

function managerOf(repository: Repository, { manager }: PackageJson): Manager | null {
  const names = repository.names('.');
  const npm = ['package-lock.json', 'npm-shrinkwrap.json'].find((name) => names.includes(name));
  if (npm !== undefined) return { lock: npm, meaning: 'npm', install: 'npm ci' };
  if (names.includes('pnpm-lock.yaml')) {
    const install = `npx --yes ${withVersion('pnpm', manager)} install --frozen-lockfile`;
    return { lock: 'pnpm-lock.yaml', meaning: 'pnpm', install };
  }
  if (!names.includes('yarn.lock')) {
    // Named, and not installed yet.
    const named = /^(pnpm|yarn)@/.exec(manager)?.[1];
    if (named === undefined) return null;
    const install = `npx --yes ${withVersion(named, manager)} install`;
    return { lock: null, meaning: named, install };
  }
  const install = `npx --yes ${withVersion('yarn', manager)} install --frozen-lockfile`;
  return { lock: 'yarn.lock', meaning: 'yarn', install };
}

function scriptSteps({ scripts }: PackageJson): PartStep[] {
  return SCRIPTS.filter((name) => {
    const script = scripts[name];
    return typeof script === 'string' && !script.includes('no test specified');
  }).map((name) => ({
    name,
    run: name === 'test' ? 'npm test' : `npm run ${name}`,
    why: `the script "${name}" of package.json`,
  }));
}

function notesOf({ isReadable }: PackageJson, rc: string | null): string[] {
  const hasCredential = /^[^#;\n]*(?:_auth|_password)/m.test(rc ?? '');
  return [...(isReadable ? [] : [UNREADABLE_NOTE]), ...(hasCredential ? [RC_NOTE] : [])];
}

/** Looks for a Node.js project. */
export function findNodeProject(repository: Repository): ProjectPart | null {
  const text = repository.text('package.json');
  if (text === null) return null;
  const json = readPackageJson(text);
  const manager = managerOf(repository, json);
  const isInstalling = (manager?.lock ?? null) !== null || json.hasDependencies;
  const lockName = manager?.lock ?? null;
  const files = ['package.json', ...(lockName === null ? [] : [lockName])];
  const rc = repository.text('.npmrc');
  const lock = lockName === null ? null : repository.text(lockName);
  const hosts = [...namedHosts(rc, RC_URL), ...namedHosts(lock, LOCK_URL)];
  // In a workspace each package has a node_modules on the host, which no checkpoint would contain.
  const inputs = json.hasWorkspaces ? {} : { inputs: files };
  const install: PartStep = {
    name: 'install',
    run: manager?.install ?? 'npm install',
    why: lockName === null ? 'packages' : 'packages, as the lock file has them',
    ...inputs,
  };
  const steps = [...(isInstalling ? [install] : []), ...scriptSteps(json)];
  const modules = yamlMap([
    ['type', 'memory'],
    ['target', 'node_modules'],
    ['size', '1GiB'],
  ]);
  return {
    kind: 'node',
    files: [...files, ...(rc === null ? [] : ['.npmrc'])],
    meaning: `Node.js with ${manager?.meaning ?? 'npm'}`,
    packages: ['git', 'nodejs', 'npm'],
    steps:
      steps.length > 0
        ? steps
        : [{ name: 'version', run: 'node --version', why: 'package.json has no script to run' }],
    env: [{ key: 'CI', value: '1' }],
    ...(isInstalling ? { volumes: [modules] } : {}),
    hosts,
    notes: notesOf(json, rc),
    downloads: isInstalling ? 'npm' : null,
  };
}
