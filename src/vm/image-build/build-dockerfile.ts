import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { BuiltDockerfile, DockerfileWork, GuestImage } from '../../image/guest-image.ts';
import { CONFIG_MAX_BYTES } from '../../image/oci/documents/image-config.ts';
import { parseDocument } from '../../image/oci/documents/manifest.ts';
import { imageSerial } from '../../machine/qemu-arguments.ts';
import { NetworkTally } from '../../net/audit/network-tally.ts';
import { readSecrets } from '../../net/secret/read-source.ts';
import { ReadonlyProvider } from '../../vfs/readonly-provider.ts';
import { RealFSProvider } from '../../vfs/real-fs-provider.ts';
import { ShadowProvider } from '../../vfs/shadow-provider.ts';
import type { VMNetwork } from '../guest-network.ts';
import { CommandOutput } from '../image-setup/command-output.ts';
import { refusedRequests } from '../image-setup/refused-requests.ts';
import type { SetupVm } from '../image-setup/set-up-image.ts';
import type { VMOptions } from '../vm-options.ts';
import {
  BUILDER_ENV,
  dockerfileCommand,
  EXPORT_SCRIPT,
  IMPORT_SCRIPT,
  PLACES,
  PREPARE_SCRIPT,
  settingsFiles,
} from './builder-commands.ts';
import type { CreateBuilderVm } from './dockerfile-builder.ts';

const MEMORY = '4GiB';
const CPUS = 2;
const START_TIMEOUT_MS = 180_000;
/** The file of the host takes what is used of it. */
const DISK_SIZE = '64GiB';
/** The lines that tell which instruction runs are among them. */
const LINES_AT_ONCE = 4096;
/** Most bytes of the layers of one build. */
const MAX_LAYER_BYTES = 32 * 2 ** 30;

/** @see DockerfileBuilder.build */
export async function buildDockerfile(
  create: CreateBuilderVm,
  image: GuestImage,
  work: DockerfileWork,
): Promise<BuiltDockerfile | null> {
  const tally = new NetworkTally();
  const network = await builderNetwork(work);
  say(work, 'starting a VM for the build');
  const vm = await create(vmOptions(image, network, work, tally));
  try {
    const isBuilt = await build(vm, work);
    const built = isBuilt ? await exportImage(vm, work) : null;
    // Only now what the disk has will be there for the next build.
    await run(vm, ['sync'], work);
    return built;
  } finally {
    await vm.close();
    for (const message of refusedRequests(tally, 'the build', null)) {
      const about = { level: 'warning', artifact: 'rootfs', phase: 'network' } as const;
      work.onEvent({ ...about, message, fraction: null });
    }
  }
}

function say({ onEvent }: DockerfileWork, message: string): void {
  onEvent({ level: 'info', artifact: 'rootfs', phase: 'builder', message, fraction: null });
}

async function builderNetwork({ recipe, env, signal }: DockerfileWork): Promise<VMNetwork> {
  const { allowedHosts, allowedPrivate, extraHosts } = recipe.network;
  const hosts = recipe.secrets.flatMap((secret) => secret.hosts);
  return {
    policy: {
      allowedHosts: [...new Set([...allowedHosts, ...hosts])],
      allowedPrivate,
      extraHosts: extraHosts.map(({ name, address, port }) =>
        port === null ? { name, address } : { name, address, port },
      ),
    },
    secrets: await readSecrets(recipe.secrets, { env, signal }),
  };
}

function vmOptions(
  image: GuestImage,
  network: VMNetwork,
  { recipe, contextPaths, storeDirectory, trees, diskPath, signal }: DockerfileWork,
  tally: NetworkTally,
): VMOptions {
  const shouldShadow = ({ path }: { readonly path: string }) => !contextPaths.has(path.slice(1));
  const visible = new ShadowProvider(new RealFSProvider(recipe.context), { shouldShadow });
  return {
    image: { ...image, attachedImages: trees.map(({ imagePath }) => imagePath) },
    network,
    // Used once: a template would only take space.
    cold: true,
    ...{ cpus: CPUS, memory: MEMORY, user: '0:0', cwd: '/', startTimeoutMs: START_TIMEOUT_MS },
    sandbox: { rootOverlay: true },
    vfs: {
      mounts: {
        [PLACES.context]: new ReadonlyProvider(visible),
        [PLACES.givenStore]: new ReadonlyProvider(storeDirectory),
      },
      disks: { [PLACES.disk]: { path: diskPath, size: DISK_SIZE } },
    },
    sessionLabel: 'build of a Dockerfile',
    signal,
    onNetworkEvent: (event) => void tally.add(event),
  };
}

/** @returns False when an instruction failed. */
async function build(vm: SetupVm, work: DockerfileWork): Promise<boolean> {
  await run(vm, ['/bin/sh', '-c', PREPARE_SCRIPT], work);
  for (const [path, text] of Object.entries(settingsFiles(work.text))) {
    await vm.fs.writeFile(path, text, { signal: work.signal });
  }
  say(work, 'giving the base images to the builder');
  const places = work.trees.flatMap(({ place }, index) => [place, imageSerial(index)]);
  await run(vm, ['/bin/sh', '-c', IMPORT_SCRIPT, 'import', ...places], work);
  const output = new CommandOutput(work.onLine, LINES_AT_ONCE);
  const options = { env: BUILDER_ENV, stdout: output, stderr: output, signal: work.signal };
  const { exitCode } = await vm.exec(dockerfileCommand(work), options);
  work.signal.throwIfAborted();
  output.flush();
  return exitCode === 0;
}

/** A command of our own, which fails only if the builder is broken or its disk is full. */
async function run(vm: SetupVm, command: string[], work: DockerfileWork): Promise<void> {
  const output = new CommandOutput(() => undefined);
  const options = { env: BUILDER_ENV, stdout: output, stderr: output, signal: work.signal };
  const { exitCode } = await vm.exec(command, options);
  work.signal.throwIfAborted();
  if (exitCode === 0) return;
  const lines = output.tail.map((line) => `\n  ${line}`).join('');
  throw new GondolinError(
    'IMAGE_BUILD_FAILED',
    `Cannot build ${work.recipe.path}: the builder ended with exit code ${exitCode}${lines}`,
  );
}

/** Brings the image to the host, except for the layers that it has. Nothing is believed: digests are checked by whoever unpacks it. */
async function exportImage(vm: SetupVm, work: DockerfileWork): Promise<BuiltDockerfile> {
  const { signal } = work;
  say(work, 'reading the image from the VM');
  const known = [...work.knownLayers].map(hexOf);
  await run(vm, ['/bin/sh', '-c', EXPORT_SCRIPT, 'export', ...known], work);
  const read = (name: string) =>
    vm.fs.readFile(`${PLACES.output}/${name}`, { maxBytes: CONFIG_MAX_BYTES, signal });
  const index = parseDocument(await read('index.json'), work.recipe.path);
  const [entry] = index.kind === 'index' ? index.manifests : [];
  if (entry === undefined) throw malformed(work, 'its index has no manifest');
  const manifest = await read(`blobs/sha256/${hexOf(entry.digest)}`);
  const document = parseDocument(manifest, work.recipe.path);
  if (document.kind !== 'manifest') throw malformed(work, 'it is an index');
  const config = await read(`blobs/sha256/${hexOf(document.config.digest)}`);
  const layerPaths = new Map<string, string>();
  let left = MAX_LAYER_BYTES;
  for (const { digest, size } of document.layers) {
    if (work.knownLayers.has(digest) || layerPaths.has(digest)) continue;
    left -= size;
    if (left < 0) throw malformed(work, 'its layers have more than 32 GiB');
    const path = join(work.directory, hexOf(digest));
    // Not more than it says: the rest would fill this disk.
    const source = vm.fs.createReadStream(`${PLACES.output}/blobs/sha256/${hexOf(digest)}`, {
      ...{ start: 0, end: size, signal },
    });
    await pipeline(source, createWriteStream(path, { mode: 0o600 }), { signal });
    layerPaths.set(digest, path);
  }
  return { manifest, config, layerPaths };
}

function hexOf(digest: string): string {
  return digest.slice('sha256:'.length);
}

function malformed({ recipe }: DockerfileWork, problem: string): GondolinError {
  const message = `Cannot use the image of ${recipe.path}: ${problem}`;
  return new GondolinError('IMAGE_MANIFEST_INVALID', message);
}
