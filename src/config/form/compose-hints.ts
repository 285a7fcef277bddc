/** A key of this format, and a hint that says how to use it. */
type Move = readonly [key: string, hint: string];

const RUN_MOVES: readonly Move[] = [
  [
    'steps',
    'Write the command of a service as `run:`; work that ends is a step: `steps:`, then `- run: COMMAND`.',
  ],
  ['run', 'Write the command as `run:`.'],
];
const SANDBOXES_MOVES: readonly Move[] = [['sandboxes', 'Write `sandboxes:`.']];
const RESOURCES_MOVES: readonly Move[] = [
  ['resources', 'Write `resources:` with `memory: 1GiB` and `cpus: 2` under it.'],
];
const CWD_MOVES: readonly Move[] = [
  ['cwd', 'Write `cwd:`.'],
  ['workspace', 'Write `workspace: /path`; a step has `cwd:`.'],
];

/** Keys of Compose files and CI pipelines, with the keys that replace them here. */
const MOVES: Readonly<Record<string, readonly Move[]>> = {
  command: RUN_MOVES,
  entrypoint: RUN_MOVES,
  script: RUN_MOVES,
  environment: [['env', 'Write `env:`.']],
  services: SANDBOXES_MOVES,
  jobs: SANDBOXES_MOVES,
  build: [
    ['image', 'Define it under `images:` at the top level, and name it here: `image: NAME`.'],
  ],
  packages: [
    ['debian', 'Move it under `debian:`.'],
    [
      'image',
      'Move it to `images:`, under NAME, `build:` and `debian:`; then write `image: NAME`.',
    ],
  ],
  expose: [['ports', 'Write `ports:` for what the host is to reach.']],
  mem_limit: RESOURCES_MOVES,
  deploy: RESOURCES_MOVES,
  working_dir: CWD_MOVES,
  'working-directory': CWD_MOVES,
  container_name: [['name', 'Write `name:`.']],
  tmpfs: [['volumes', 'Write `volumes:`, then `- { type: memory, target: /path }`.']],
  restart: [['retries', 'Write `retries:`.']],
  restart_policy: [['restart', 'Write `restart: no`, `on-failure:3` or `always`.']],
  links: [['depends_on', 'Write `depends_on:`; a sandbox reaches by name what it depends on.']],
  disable: [['test', 'Leave `healthcheck:` out.']],
  if: [['when', 'Write `when: on_success`, `on_failure` or `always`.']],
  condition: [['when', 'Write `when: on_success`, `on_failure` or `always`.']],
  allow_failure: [['continue_on_error', 'Write `continue_on_error: true`.']],
};

/** Returns what to write in place of a key of another tool, where the keys `known` are allowed; undefined for other keys. */
export function composeKeyHint(key: string, known: readonly string[]): string | undefined {
  const moves = Object.hasOwn(MOVES, key) ? (MOVES[key] ?? []) : [];
  return moves.find(([own]) => known.includes(own))?.[1];
}

/** Hints for values of another tool, or of a later version of this one. */
const VALUE_HINTS: Readonly<Record<string, string>> = {
  alpine: 'Write `alpine: {version: "3.23", packages: […]}` instead of `build:`.',
  tmpfs: 'Write `type: memory`.',
  'unless-stopped': 'Write `restart: always`.',
  service_started: 'Write `condition: started`.',
  service_healthy: 'Write `condition: healthy`.',
  service_completed_successfully: 'Write `condition: completed`.',
  volume: 'Write `type: bind` with a `source:` on the host, or `type: memory`.',
};

/** Like {@link composeKeyHint}, for a value. */
export function composeValueHint(value: unknown): string | undefined {
  return typeof value === 'string' && Object.hasOwn(VALUE_HINTS, value)
    ? VALUE_HINTS[value]
    : undefined;
}
