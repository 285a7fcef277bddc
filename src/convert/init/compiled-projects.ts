import { namedHosts } from './named-hosts.ts';
import type { ProjectPart } from './project-part.ts';
import type { Repository } from './repository.ts';

const CARGO_URLS =
  /(?:source|index|registry|replace-with)\s*=\s*"((?:registry\+|sparse\+)?https?:\/\/[^"\s]{1,500})"/g;
/** The search looks 2,000 characters ahead of each repository. */
const MAX_POM_CHARACTERS = 1_000_000;
const MAVEN_URLS = /<url>\s*(https?:\/\/[^<\s]{1,500})\s*<\/url>/g;
const MAVEN_REPOSITORIES = /<(?:plugin)?[rR]epository>[\s\S]{0,2000}?<\/(?:plugin)?[rR]epository>/g;

function present(repository: Repository, names: readonly string[]): string[] {
  return names.filter((name) => repository.text(name) !== null);
}

/** Looks for a Rust project. */
export function findRustProject(repository: Repository): ProjectPart | null {
  const files = present(repository, ['Cargo.toml', 'Cargo.lock']);
  if (!files.includes('Cargo.toml')) return null;
  const isLocked = files.includes('Cargo.lock');
  const lock = repository.text('Cargo.lock');
  const config = repository.text('.cargo/config.toml') ?? repository.text('.cargo/config');
  const isFetching = lock === null || /^source = /m.test(lock);
  const locked = isLocked ? ' --locked' : '';
  const fetch = {
    name: 'fetch',
    run: `cargo fetch${locked}`,
    why: 'packages, as Cargo.lock has them, outside the repository',
    ...(isLocked ? { inputs: files } : {}),
  };
  return {
    kind: 'rust',
    files,
    meaning: 'Rust with Cargo',
    packages: ['build-essential', 'cargo', 'git', 'pkg-config', 'rustc'],
    env: [
      { key: 'CARGO_HOME', value: '/opt/cargo' },
      { key: 'CARGO_TARGET_DIR', value: '/opt/target' },
    ],
    steps: [
      ...(isFetching ? [fetch] : []),
      { name: 'build', run: `cargo build${locked}`, why: 'all packages of the workspace' },
      { name: 'test', run: `cargo test${locked}`, why: 'its tests' },
    ],
    hosts: namedHosts(`${lock ?? ''}\n${config ?? ''}`, CARGO_URLS),
    downloads: isFetching ? 'cargo' : null,
  };
}

/** Looks for a Go module. */
export function findGoProject(repository: Repository): ProjectPart | null {
  const files = present(repository, ['go.mod', 'go.sum']);
  if (!files.includes('go.mod')) return null;
  const isVendored = repository.names('vendor').includes('modules.txt');
  const isFetching = files.includes('go.sum') && !isVendored;
  const fetch = {
    name: 'fetch',
    run: 'go mod download',
    why: 'modules, as go.sum has them, outside the repository',
    inputs: files,
  };
  return {
    kind: 'go',
    files,
    meaning: isVendored ? 'Go with its modules in vendor/' : 'Go',
    packages: ['ca-certificates', 'git', 'golang-go'],
    env: [
      {
        key: 'GOTOOLCHAIN',
        value: 'local',
        comment: ['The compiler of Debian, not another that it would download.'],
      },
      { key: 'GOPATH', value: '/opt/go' },
    ],
    steps: [
      ...(isFetching ? [fetch] : []),
      { name: 'build', run: 'go build ./...', why: 'every package' },
      { name: 'test', run: 'go test ./...', why: 'its tests' },
    ],
    hosts: [],
    downloads: isFetching ? 'go' : null,
  };
}

/** Looks for a Maven project. */
export function findMavenProject(repository: Repository): ProjectPart | null {
  const text = repository.text('pom.xml');
  if (text === null) return null;
  const repositories = (text.slice(0, MAX_POM_CHARACTERS).match(MAVEN_REPOSITORIES) ?? []).join(
    '\n',
  );
  const maven = 'mvn -B -q -Dmaven.repo.local=/opt/m2';
  return {
    kind: 'java',
    files: ['pom.xml'],
    meaning: 'Java with Maven',
    packages: ['default-jdk-headless', 'git', 'maven'],
    steps: [
      {
        name: 'fetch',
        run: `${maven} dependency:go-offline`,
        why: 'plugins and libraries, outside the repository',
        inputs: ['pom.xml'],
      },
      { name: 'test', run: `${maven} test`, why: 'compiles and tests' },
    ],
    hosts: namedHosts(repositories, MAVEN_URLS),
    downloads: 'mvn',
  };
}
