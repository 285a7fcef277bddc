import {
  boolean,
  type Decoder,
  dictionary,
  integer,
  list,
  literal,
  nullable,
  object,
  tagged,
  text,
} from '../../util/json-decoder.ts';

/** The way to read a project file, and the sandboxes of it that are wanted. */
export interface ProjectSource {
  /** Absolute path of the project file. */
  readonly file: string;
  /** The name of `-p`, or null. */
  readonly projectName: string | null;
  readonly args: Readonly<Record<string, string>>;
  readonly profiles: readonly string[];
  /** Names of sandboxes; empty for all. */
  readonly sandboxes: readonly string[];
  readonly allowHosts: readonly string[];
  readonly hostSecrets: readonly string[];
  /** Environment of the command: variables and secrets are read from it. */
  readonly env: Readonly<Record<string, string>>;
  /** False ignores existing checkpoints. */
  readonly usesCache: boolean;
  readonly isCold: boolean;
  /** Images are built again, checkpoints not used, and running sandboxes recreated. */
  readonly isBuilding: boolean;
  /** Every image has to be in the lock file. */
  readonly isLocked: boolean;
  /** In place of `pull:` of the images; null for theirs. */
  readonly pull: string | null;
}

const projectSource: Decoder<ProjectSource> = object<ProjectSource>({
  file: text(),
  projectName: nullable(text()),
  args: dictionary(text()),
  profiles: list(text()),
  sandboxes: list(text()),
  allowHosts: list(text()),
  hostSecrets: list(text()),
  env: dictionary(text()),
  usesCache: boolean,
  isCold: boolean,
  isBuilding: boolean,
  isLocked: boolean,
  pull: nullable(text()),
});

interface Named {
  /** Empty for all. */
  readonly names: readonly string[];
}

interface Graced extends Named {
  /** Time for services to end, in milliseconds; null for their own. */
  readonly graceMs: number | null;
}

/**
 * A request to the process of a project. `apply` and `down` continue as frames of events, `events` and `logs` of events and lines;
 * `diff` returns what `apply` would do.
 */
export type ProjectRequest =
  | {
      readonly method: 'apply';
      readonly source: ProjectSource;
      readonly isForced: boolean;
      readonly wait: 'started' | 'up';
      /** In milliseconds; null for no limit. */
      readonly waitLimitMs: number | null;
    }
  | { readonly method: 'diff'; readonly source: ProjectSource; readonly isForced: boolean }
  | ({ readonly method: 'start' } & Named)
  | ({ readonly method: 'stop' } & Graced)
  | ({ readonly method: 'restart' } & Graced)
  | { readonly method: 'down'; readonly graceMs: number | null }
  | { readonly method: 'events' }
  | { readonly method: 'logs' };

type RequestOf<Method extends ProjectRequest['method']> = Extract<
  ProjectRequest,
  { method: Method }
>;

const graceMs = nullable(integer({ min: 0 }));
const names = list(text());

export const projectRequest: Decoder<ProjectRequest> = tagged<ProjectRequest>('method', {
  apply: object<RequestOf<'apply'>>({
    method: literal('apply'),
    source: projectSource,
    isForced: boolean,
    wait: literal('started', 'up'),
    waitLimitMs: nullable(integer({ min: 0 })),
  }),
  diff: object<RequestOf<'diff'>>({
    method: literal('diff'),
    source: projectSource,
    isForced: boolean,
  }),
  start: object<RequestOf<'start'>>({ method: literal('start'), names }),
  stop: object<RequestOf<'stop'>>({ method: literal('stop'), names, graceMs }),
  restart: object<RequestOf<'restart'>>({ method: literal('restart'), names, graceMs }),
  down: object<RequestOf<'down'>>({ method: literal('down'), graceMs }),
  events: object<RequestOf<'events'>>({ method: literal('events') }),
  logs: object<RequestOf<'logs'>>({ method: literal('logs') }),
});

/** Most bytes of a request: the environment of a command may be large. */
export const MAX_PROJECT_REQUEST_BYTES = 8 * 2 ** 20;
