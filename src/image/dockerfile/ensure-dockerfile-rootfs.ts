import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { hostEnvironment } from '../../host/image-environment.ts';
import { withBuildLog } from '../cache/build-log.ts';
import { ensureEntry, findOld, type HeldEntry } from '../cache/entry.ts';
import { type EntryPlace, entryPlace } from '../cache/layout.ts';
import { printableTitle } from '../cache/manifest.ts';
import { withWorkDirectory } from '../cache/sweep.ts';
import type {
  BuiltDockerfile,
  DockerfileBuilder,
  GuestImage,
  ImageContext,
} from '../guest-image.ts';
import { parseImageConfig } from '../oci/documents/image-config.ts';
import { manifestInvalid, parseDocument } from '../oci/documents/manifest.ts';
import type { OciRootfs } from '../oci/ensure-oci-rootfs.ts';
import { fetchLayers } from '../oci/fetch-layers.ts';
import type { LayerFile } from '../oci/layer/merge-layers.ts';
import { openRegistries, type Registries } from '../oci/open-registry.ts';
import { readReferenceRecord, writeReferenceRecord } from '../oci/reference-record.ts';
import { checkDigest } from '../oci/source/check-digest.ts';
import type { LayerSource } from '../oci/source/resolved-image.ts';
import type { DockerfileRecipe } from '../recipe.ts';
import { dockerfileTitle } from '../recipe-title.ts';
import { type BaseImage, builderName, findBases } from './base-images.ts';
import { writeBaseStore } from './base-store.ts';
import { ensureBaseTrees } from './base-trees.ts';
import { withBuildDisk } from './build-disk.ts';
import { BuildProgress } from './build-progress.ts';
import { replaceWords } from './needed-images.ts';
import {
  type DockerfileState,
  type OpenDockerfile,
  openDockerfile,
  readDockerfileState,
  recordName,
} from './read-inputs.ts';
import { removeTrust } from './trusting-config.ts';

/** Where the build, and the packing of its result, begin in the progress. */
const BUILD_FROM = 0.2;
const PACK_FROM = 0.85;
/** Builds that begin again because somebody edits the context meanwhile. */
const MAX_ATTEMPTS = 3;

/** Files of the context changed during a build: what was built belongs to no key. */
class ContextChanged extends Error {}

/**
 * Makes the root file system of a Dockerfile ready: takes it from the cache, or builds it in a VM of the builder.
 *
 * @param boot  Makes the builder ready to boot; it is released here.
 * @throws {GondolinError} IMAGE_DOCKERFILE_INVALID, IMAGE_DOCKERFILE_FAILED, those of `ensureOciRootfs` about base images, and those of
 * a VM and of the cache.
 */
export async function ensureDockerfileRootfs(
  recipe: DockerfileRecipe,
  context: ImageContext,
  boot: () => Promise<GuestImage>,
): Promise<OciRootfs> {
  const { dockerfileBuilder: builder } = context.options;
  if (builder === undefined) {
    throw new TypeError('options.dockerfileBuilder is needed for an image of a Dockerfile');
  }
  const registries = await openRegistries(context.options, context.signal);
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const inputs = await readInputs(recipe, builder, registries, context);
        return await ensureBuilt({ recipe, builder, context, boot, ...inputs });
      } catch (error) {
        if (!(error instanceof ContextChanged) || attempt === MAX_ATTEMPTS)
          throw toResult(error, recipe);
      }
    }
  } finally {
    await registries.close();
  }
}

function toResult(error: unknown, { path, context }: DockerfileRecipe): unknown {
  if (!(error instanceof ContextChanged)) return error;
  const message = `Cannot build ${path}: files in ${context} change again and again while it is built`;
  const hint = 'List what the build does not need in .dockerignore.';
  return new GondolinError('IMAGE_DOCKERFILE_FAILED', message, { hint, details: { path } });
}

interface Inputs extends OpenDockerfile {
  readonly bases: ReadonlyMap<string, BaseImage>;
  readonly state: DockerfileState;
}

interface Job extends Inputs {
  readonly recipe: DockerfileRecipe;
  readonly builder: DockerfileBuilder;
  readonly context: ImageContext;
  readonly boot: () => Promise<GuestImage>;
}

async function readInputs(
  recipe: DockerfileRecipe,
  { variables }: DockerfileBuilder,
  registries: Registries,
  context: ImageContext,
): Promise<Inputs> {
  const open = await openDockerfile(recipe);
  const bases = await findBases(open.needed.words, recipe, variables, registries, context);
  const images = new Map([...bases].map(([reference, { image }]) => [reference, image]));
  return { ...open, bases, state: await readDockerfileState(recipe, open, images, context.signal) };
}

async function ensureBuilt(job: Job): Promise<OciRootfs> {
  const { recipe, context, state } = job;
  const { cacheDirectory } = context.options;
  const place = entryPlace(cacheDirectory, 'rootfs', state.key);
  const ensure = (beforeMs: number): Promise<HeldEntry> =>
    ensureEntry(place, {
      ...context,
      findMismatch: (manifest) => findOld(manifest, { rebuildBeforeMs: beforeMs }),
      build: async (target) => {
        await withWorkDirectory(place.parent, (directory) =>
          buildRootfs(job, { place, target, directory }),
        );
        return { title: printableTitle(dockerfileTitle(recipe)), kernelRelease: '' };
      },
    });
  const read = () => readReferenceRecord(cacheDirectory, recordName(state.key), recipe.arch);
  let entry = await ensure(context.options.rebuildBeforeMs ?? 0);
  try {
    let record = await read();
    if (record === null) {
      // The record of the image's configuration is missing or damaged: build again.
      entry.lock.release();
      entry = await ensure(Date.now());
      record = await read();
    }
    if (record === null) throw manifestInvalid(recipe.path, 'its configuration is lost');
    const { container } = parseImageConfig(Buffer.from(record.config), recipe.arch, recipe.path);
    return { entry, container };
  } catch (error) {
    entry.lock.release();
    throw error;
  }
}

interface Places {
  readonly place: EntryPlace;
  readonly target: string;
  readonly directory: string;
}

async function buildRootfs(job: Job, { place, target, directory }: Places): Promise<void> {
  const { recipe, context, bases } = job;
  const held: { release(): void }[] = [];
  try {
    const fetched = new Map<BaseImage, readonly LayerFile[]>();
    // One image may have two references.
    for (const base of new Map([...bases.values()].map((one) => [one.id, one])).values()) {
      const { image } = base;
      const fetch = (sources: readonly LayerSource[]) =>
        fetchLayers(sources, image, held, context, BUILD_FROM);
      fetched.set(base, await image.withLayers(fetch));
      await image.remember();
    }
    const known = new Map([...fetched.values()].flat().map((layer) => [layer.diffId, layer]));
    const built = await runBuilder(job, directory, fetched, known);
    const { layers, config, workingDir } = checkBuilt(job, built, known);
    await packRootfs(job, layers, workingDir, { place, target, directory });
    const after = await readDockerfileState(recipe, job, mapImages(bases), context.signal);
    if (after.key !== job.state.key) throw new ContextChanged();
    const digest = `sha256:${place.key}`;
    await writeReferenceRecord(context.options.cacheDirectory, {
      ...{ reference: recordName(place.key), arch: recipe.arch },
      ...{ digest, sourceDigest: digest, config: config.toString('utf8') },
    });
  } finally {
    for (const layer of held) layer.release();
  }
}

function mapImages(bases: Inputs['bases']) {
  return new Map([...bases].map(([reference, { image }]) => [reference, image]));
}

async function runBuilder(
  { recipe, builder, context, boot, dockerfile, needed, bases, state }: Job,
  directory: string,
  fetched: ReadonlyMap<BaseImage, readonly LayerFile[]>,
  known: ReadonlyMap<string, LayerFile>,
): Promise<BuiltDockerfile> {
  const { options, onEvent, signal } = context;
  const images = [...bases.values()].map((base) => ({ ...base, name: builderName(base) }));
  // One image may have two references.
  const stored = [...fetched.keys()].map((base) => ({
    ...{ id: base.id, name: builderName(base), config: base.config, layers: base.image.diffIds },
  }));
  const progress = new BuildProgress(dockerfile, {
    ...{ path: recipe.path, from: BUILD_FROM, to: PACK_FROM, onEvent },
    names: new Map(images.map(({ name, reference }) => [name, reference])),
  });
  const text = replaceWords(dockerfile.text, needed.words, ({ name }) => {
    const base = bases.get(name);
    return base === undefined ? name : builderName(base);
  });
  const { trees, release } = await ensureBaseTrees(fetched, recipe.path, context);
  const image = await boot().catch((error: unknown) => {
    release();
    throw error;
  });
  try {
    const chains = stored.map(({ layers }) => layers);
    const built = await withBuildDisk(recipe, chains, context, async (disk) => {
      const storeDirectory = join(directory, 'store');
      await writeBaseStore(storeDirectory, stored, disk.chains);
      return builder.build(image, {
        ...{ recipe, text, storeDirectory, trees, diskPath: disk.path, directory, onEvent, signal },
        contextPaths: state.context.paths,
        knownLayers: new Set(known.keys()),
        usesCache: (options.rebuildBeforeMs ?? 0) === 0,
        onLine: (line) => progress.add(line),
        env: options.env ?? hostEnvironment(),
      });
    });
    if (built === null) throw progress.failure();
    return built;
  } finally {
    release();
    await image.release();
  }
}

/** Reads what the builder gave as the image of a stranger. */
function checkBuilt(
  { recipe, builder, needed, bases }: Job,
  built: BuiltDockerfile,
  known: ReadonlyMap<string, LayerFile>,
): { layers: LayerFile[]; config: Buffer; workingDir: string } {
  const name = recipe.path;
  const manifest = parseDocument(built.manifest, name);
  if (manifest.kind !== 'manifest') throw manifestInvalid(name, 'it is an index');
  checkDigest(built.config, manifest.config.digest, name);
  const { diffIds, container } = parseImageConfig(built.config, recipe.arch, name);
  if (diffIds.length !== manifest.layers.length) {
    throw manifestInvalid(
      name,
      `it has ${manifest.layers.length} layers, and ${diffIds.length} digests`,
    );
  }
  const layers = manifest.layers.map(({ digest, size }, index): LayerFile => {
    const diffId = diffIds[index] ?? '';
    const path = built.layerPaths.get(digest);
    if (path !== undefined) return { diffId, sizeBytes: size, open: () => createReadStream(path) };
    const base = known.get(diffId);
    if (base === undefined) throw manifestInvalid(name, `its layer ${digest} is missing`);
    return base;
  });
  const bottom = bases.get(needed.base)?.image.config ?? null;
  const config = removeTrust(built.config, builder.variables, bottom, name);
  return { layers, config, workingDir: container.workingDir };
}

async function packRootfs(
  { recipe, context }: Job,
  layers: readonly LayerFile[],
  workingDir: string,
  { place, target, directory }: Places,
): Promise<void> {
  const { options, onEvent, signal } = context;
  const { packLayers } = await import('../oci/layer/pack-layers.ts');
  const message = `unpacking ${printableTitle(dockerfileTitle(recipe))}`;
  await withBuildLog(options.cacheDirectory, `dockerfile-${place.key.slice(0, 16)}`, (logPath) =>
    packLayers(layers, {
      ...{ target, cwd: directory, logPath, environment: {}, signal },
      // WORKDIR makes it, which buildah leaves to whoever runs the image.
      workingDir,
      onProgress: (done) => {
        const fraction = PACK_FROM + (1 - PACK_FROM) * done;
        onEvent({ level: 'info', artifact: 'rootfs', phase: 'unpack', message, fraction });
      },
    }),
  );
}
