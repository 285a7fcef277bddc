/** Debian packages that stand in for well-known images, by the last part of the image's name. */
const PACKAGES: ReadonlyMap<string, readonly string[]> = new Map([
  ['node', ['nodejs', 'npm', 'git']],
  ['javascript-node', ['nodejs', 'npm', 'git']],
  ['typescript-node', ['nodejs', 'npm', 'git']],
  ['python', ['python3', 'python3-pip', 'python3-venv']],
  ['golang', ['ca-certificates', 'git', 'golang-go']],
  ['go', ['ca-certificates', 'git', 'golang-go']],
  ['rust', ['build-essential', 'cargo', 'git', 'rustc']],
  ['ruby', ['build-essential', 'ruby', 'ruby-bundler', 'ruby-dev']],
  ['php', ['composer', 'php-cli']],
  ['perl', ['perl']],
  ['maven', ['default-jdk-headless', 'maven']],
  ['gradle', ['default-jdk-headless', 'gradle']],
  ['openjdk', ['default-jdk-headless']],
  ['eclipse-temurin', ['default-jdk-headless']],
  ['java', ['default-jdk-headless', 'maven']],
  ['postgres', ['postgresql']],
  ['mariadb', ['mariadb-server']],
  ['redis', ['redis-server']],
  ['nginx', ['nginx-light']],
  ['memcached', ['memcached']],
  ['cpp', ['build-essential', 'cmake', 'gdb', 'git']],
]);

export interface ImageMatch {
  /** Name for `images:`. */
  readonly name: string;
  readonly packages: readonly string[];
}

/** Returns the Debian packages for an image such as `node:22-slim` or `registry.example.com/library/node@sha256:…`; null for others. */
export function packagesForImage(image: string): ImageMatch | null {
  const name = /(?:^|\/)([a-z0-9][a-z0-9._-]*)(?::[\w.-]+)?(?:@[\w:]+)?$/i.exec(image)?.[1] ?? '';
  const packages = PACKAGES.get(name.toLowerCase());
  return packages === undefined ? null : { name: name.toLowerCase(), packages };
}
