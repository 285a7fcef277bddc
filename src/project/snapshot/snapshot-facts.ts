import type { SecretConfig } from '../../config/config.ts';
import type {
  BaseRecipe,
  ImagePlan,
  ImageRecipe,
  ImageSetup,
  MountPlan,
  SandboxPlan,
} from '../../plan/plan.ts';
import {
  boolean,
  type Decoder,
  dictionary,
  integer,
  list,
  literal,
  nullable,
  number,
  object,
  partial,
  tagged,
  text,
  withDefault,
} from '../../util/json-decoder.ts';

/** Content of `snapshot.json`: everything that a sandbox restored from it must have. Plain data. */
export interface SnapshotFacts {
  readonly version: 1;
  readonly name: string;
  readonly project: string;
  readonly sandbox: string;
  readonly createdAtMs: number;
  readonly image: ImagePlan;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly root: SandboxPlan['vm']['root'];
  /** Size of the disk of `root: disk`; 0 in snapshots that were taken before there was one. */
  readonly diskBytes: number;
  readonly mounts: readonly MountPlan[];
}

/** Returns what is written beside a saved machine of this sandbox. */
export function createSnapshotFacts(
  name: string,
  project: string,
  { name: sandbox, image, vm }: SandboxPlan,
  createdAtMs: number,
): SnapshotFacts {
  const { cpus, memoryBytes, root, diskBytes, mounts } = vm;
  const machine = { image, cpus, memoryBytes, root, diskBytes, mounts };
  return { version: 1, name, project, sandbox, createdAtMs, ...machine };
}

const mount = tagged<MountPlan>('kind', {
  memory: object<MountPlan & { kind: 'memory' }>({
    kind: literal('memory'),
    guestPath: text(),
    sizeBytes: integer(),
  }),
  host: object<MountPlan & { kind: 'host' }>({
    kind: literal('host'),
    hostPath: text(),
    guestPath: text(),
    isReadonly: boolean,
    overlay: withDefault(object({ sizeBytes: integer() }), undefined),
    xattrs: withDefault(literal(true), undefined),
  }),
  copy: object<MountPlan & { kind: 'copy' }>({
    kind: literal('copy'),
    hostPath: text(),
    guestPath: text(),
    usesGitignore: boolean,
  }),
  disk: object<MountPlan & { kind: 'disk' }>({
    kind: literal('disk'),
    name: text(),
    guestPath: text(),
    sizeBytes: integer(),
    isReadonly: boolean,
  }),
});

const setupNetwork = object<ImageSetup['network']>({
  allowedHosts: list(text()),
  allowedPrivate: list(text()),
  extraHosts: list(object({ name: text(), address: text(), port: nullable(integer()) })),
});

type DebianRecipe = ImageRecipe & { readonly kind: 'debian' };

const lockedDebian = object({ base: dictionary(text()), added: dictionary(text()) });

const debianBase = object<Omit<DebianRecipe, 'snapshot' | 'locked'>>({
  kind: literal('debian'),
  arch: literal('x86_64', 'aarch64'),
  release: text(),
  packages: list(text()),
  mirror: nullable(text()),
});
const debianMore = partial<Pick<DebianRecipe, 'snapshot' | 'locked'>>({
  snapshot: text(),
  locked: lockedDebian,
});

type AlpineRecipe = ImageRecipe & { readonly kind: 'alpine' };

const alpineBase = object<Omit<AlpineRecipe, 'locked' | 'kernel'>>({
  kind: literal('alpine'),
  arch: literal('x86_64', 'aarch64'),
  version: text(),
  branch: nullable(text()),
  packages: list(text()),
  mirror: nullable(text()),
  keys: nullable(text()),
  release: text(),
});
const alpineMore = partial<Pick<AlpineRecipe, 'locked' | 'kernel'>>({
  locked: dictionary(text()),
  kernel: dictionary(text()),
});

type DockerfileRecipe = ImageRecipe & { readonly kind: 'dockerfile' };

const dockerfileBase = object<Omit<DockerfileRecipe, 'digests' | 'kernel' | 'builder'>>({
  kind: literal('dockerfile'),
  path: text(),
  context: text(),
  args: dictionary(text()),
  target: nullable(text()),
  arch: literal('x86_64', 'aarch64'),
  release: text(),
  pull: literal('missing', 'always', 'never'),
  secrets: list(
    object<SecretConfig>({
      name: text(),
      hosts: list(text()),
      headers: list(text()),
      from: object<SecretConfig['from'] & { kind: 'env' }>({
        kind: literal('env'),
        variable: text(),
      }),
      query: boolean,
      allowHttp: boolean,
    }),
  ),
  network: setupNetwork,
});
const dockerfileMore = partial<Pick<DockerfileRecipe, 'digests' | 'kernel' | 'builder'>>({
  digests: dictionary(text()),
  kernel: dictionary(text()),
  builder: lockedDebian,
});

type OciRecipe = ImageRecipe & { readonly kind: 'oci' };

const ociBase = object<Omit<OciRecipe, 'kernel'>>({
  kind: literal('oci'),
  source: text(),
  arch: literal('x86_64', 'aarch64'),
  release: text(),
  pull: literal('missing', 'always', 'never'),
  digest: nullable(text()),
});
const ociMore = partial<Pick<OciRecipe, 'kernel'>>({ kernel: dictionary(text()) });

const BASE_RECIPES = {
  path: object<ImageRecipe & { kind: 'path' }>({ kind: literal('path'), path: text() }),
  debian: (value: unknown, field: string) => ({
    ...debianBase(value, field),
    ...debianMore(value, field),
  }),
  alpine: (value: unknown, field: string) => ({
    ...alpineBase(value, field),
    ...alpineMore(value, field),
  }),
  dockerfile: (value: unknown, field: string) => ({
    ...dockerfileBase(value, field),
    ...dockerfileMore(value, field),
  }),
  oci: (value: unknown, field: string) => ({
    ...ociBase(value, field),
    ...ociMore(value, field),
  }),
};

const recipe = tagged<ImageRecipe>('kind', {
  ...BASE_RECIPES,
  setup: object<ImageRecipe & { kind: 'setup' }>({
    kind: literal('setup'),
    base: tagged<BaseRecipe>('kind', BASE_RECIPES),
    setup: object<ImageSetup>({
      copy: list(object({ hostPath: text(), guestPath: text() })),
      commands: list(text()),
      network: setupNetwork,
    }),
  }),
});

/** Reads `snapshot.json`. */
export const snapshotFacts: Decoder<SnapshotFacts> = object<SnapshotFacts>({
  version: literal(1),
  name: text(),
  project: text(),
  sandbox: text(),
  createdAtMs: number,
  image: object<ImagePlan>({ name: text(), recipe }),
  cpus: integer(),
  memoryBytes: integer(),
  root: literal('memory', 'disk', 'readonly'),
  diskBytes: withDefault(integer(), 0),
  mounts: list(mount),
});
