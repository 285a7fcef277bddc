/** A key of this format and what to write with it. */
type Move = readonly [key: string, hint: string];

const RUN_MOVES: readonly Move[] = [
  ['run', 'Write the command as `run:`.'],
  ['steps', 'Write the command as a step: `steps:`, then `- run: COMMAND`.'],
];
const SANDBOXES_MOVES: readonly Move[] = [['sandboxes', 'Write `sandboxes:`.']];
const RESOURCES_MOVES: readonly Move[] = [
  ['resources', 'Write `resources:`, then `memory: 1GiB` and `cpus: 2` below it.'],
];
const CWD_MOVES: readonly Move[] = [
  ['cwd', 'Write `cwd:`.'],
  ['workspace', 'Write `workspace: /path`; a step has `cwd:`.'],
];

/** Words of Compose files and CI pipelines, with the keys that stand for them here. */
const MOVES: Readonly<Record<string, readonly Move[]>> = {
  command: RUN_MOVES,
  entrypoint: RUN_MOVES,
  script: RUN_MOVES,
  environment: [['env', 'Write `env:`.']],
  services: SANDBOXES_MOVES,
  jobs: SANDBOXES_MOVES,
  build: [['image', 'Build it below `images:` at the top, and name it here: `image: NAME`.']],
  packages: [
    ['debian', 'Move it below `debian:`.'],
    ['image', 'Move it to `images:`, below NAME, `build:` and `debian:`; then `image: NAME`.'],
  ],
  mem_limit: RESOURCES_MOVES,
  deploy: RESOURCES_MOVES,
  working_dir: CWD_MOVES,
  'working-directory': CWD_MOVES,
  container_name: [['name', 'Write `name:`.']],
  tmpfs: [['volumes', 'Write `volumes:`, then `- { type: memory, target: /path }`.']],
  restart: [['steps', 'A step has `retries:`.']],
  if: [['when', 'Write `when: on_success`, `on_failure` or `always`.']],
  condition: [['when', 'Write `when: on_success`, `on_failure` or `always`.']],
  allow_failure: [['continue_on_error', 'Write `continue_on_error: true`.']],
};

/** What to write for a key of another tool where the keys `known` may stand; undefined for other keys. */
export function composeKeyHint(key: string, known: readonly string[]): string | undefined {
  const moves = Object.hasOwn(MOVES, key) ? (MOVES[key] ?? []) : [];
  return moves.find(([own]) => known.includes(own))?.[1];
}

/** The next move for a value that another tool, or a later version of this one, knows. */
const VALUE_HINTS: Readonly<Record<string, string>> = {
  disk: 'Write `root: memory`; what shall outlive the run belongs on a volume.',
  overlay: 'Write `type: bind` with `read_only: true`, and let a step copy what it changes.',
  alpine: 'Write `distro: debian`; the packages are Debian packages then.',
  tmpfs: 'Write `type: memory`.',
  volume: 'Write `type: bind` with a `source:` on the host, or `type: memory`.',
};

/** As {@link composeKeyHint}, for one of a few allowed values. */
export function composeValueHint(value: unknown): string | undefined {
  return typeof value === 'string' && Object.hasOwn(VALUE_HINTS, value)
    ? VALUE_HINTS[value]
    : undefined;
}

/**
 * What to write for an image of a registry, such as `node:20`: images are built from Debian packages here.
 * Undefined for what looks like a misspelt name.
 */
export function registryImageHint(name: string): string | undefined {
  if (!/[:/@.]/.test(name)) return undefined;
  return 'Images of registries are not in this version: name packages below `images:`, NAME, `build:`, `debian:`; then `image: NAME`.';
}
