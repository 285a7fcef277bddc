import { dirname, resolve } from 'node:path';
import { nearestName } from '../../util/nearest-name.ts';
import type { ImageConfig, SandboxConfig, StepConfig } from '../config.ts';
import { DEFAULT_IMAGE } from '../defaults.ts';
import { childOf, entriesOf, itemsOf, type SourceNode } from '../yaml/source-node.ts';
import {
  type CheckContext,
  isScalar,
  numberOf,
  report,
  shownText,
  textOf,
} from './check-context.ts';
import { hintForForeignImage } from './foreign-words.ts';
import { isReservedGuestPath, resolveGuestPath, SYSTEM_PATH_HINT } from './guest-path.ts';
import { sizeBytes } from './quantities.ts';
import { type EnvConfig, inheritedNames, readEnv, readEnvFiles } from './read-env.ts';
import { readNetwork } from './read-network.ts';
import { readSecrets, secretVariablesOf } from './read-secrets.ts';
import { readSteps } from './read-steps.ts';
import { readTimeout } from './read-timeout.ts';
import { readVolumes } from './read-volumes.ts';

const DEFAULT_WORKSPACE = '/workspace';
const MIN_MEMORY_BYTES = 64 * 2 ** 20;
const MAX_MEMORY_BYTES = 2 ** 40;

function archOf(text: string): ImageConfig['arch'] {
  return text === 'x86_64' || text === 'aarch64' ? text : 'host';
}

function readImage(context: CheckContext, name: string, node: SourceNode): ImageConfig {
  const path = childOf(node, 'path');
  if (isScalar(path)) {
    const absolute = resolve(dirname(path.span.file.path), path.text);
    if (context.access.kindOf(absolute) !== 'directory') {
      report(context, path, 'path_missing', `images.${name}.path: no directory at ${absolute}`);
    }
    return { ...DEFAULT_IMAGE, name, path: absolute };
  }
  const build = childOf(node, 'build');
  const debian = childOf(build, 'debian');
  const packages = itemsOf(childOf(debian, 'packages')).map((item) => textOf(item, ''));
  return {
    name,
    path: null,
    arch: archOf(textOf(childOf(build, 'arch'), 'host')),
    release: textOf(childOf(debian, 'release'), DEFAULT_IMAGE.release),
    packages: [...new Set(packages)].toSorted(),
    mirror: textOf(childOf(debian, 'mirror'), DEFAULT_IMAGE.mirror),
  };
}

/** `images:` by name, with the built-in one unless the file has its own of that name. */
export function readImages(
  context: CheckContext,
  node: SourceNode | undefined,
): Map<string, ImageConfig> {
  const images = new Map([[DEFAULT_IMAGE.name, DEFAULT_IMAGE]]);
  for (const [name, { value }] of entriesOf(node))
    images.set(name, readImage(context, name, value));
  return images;
}

function chooseImage(
  context: CheckContext,
  node: SourceNode | undefined,
  images: ReadonlyMap<string, ImageConfig>,
): ImageConfig {
  const name = textOf(node, DEFAULT_IMAGE.name);
  const image = images.get(name);
  if (image !== undefined) return image;
  const near = nearestName(name, images.keys());
  const hint = near === undefined ? hintForForeignImage(name) : `Did you mean "${near}"?`;
  if (node !== undefined) {
    report(context, node, 'unknown_image', `image: no image "${shownText(node)}"`, hint);
  }
  return DEFAULT_IMAGE;
}

function readMemory(context: CheckContext, node: SourceNode | undefined): number {
  const bytes = sizeBytes(textOf(node, '512MiB'));
  if (node !== undefined && !(bytes >= MIN_MEMORY_BYTES && bytes <= MAX_MEMORY_BYTES)) {
    report(
      context,
      node,
      'bad_value',
      `resources.memory: got ${shownText(node)}, want 64MiB to 1TiB`,
    );
  }
  return Math.ceil(bytes / 2 ** 20) * 2 ** 20;
}

function readWorkspace(context: CheckContext, node: SourceNode | undefined): string {
  const text = textOf(node, DEFAULT_WORKSPACE);
  // A relative one has been reported by the schema.
  const path = text.startsWith('/') ? resolveGuestPath(text, '/') : DEFAULT_WORKSPACE;
  // `/` is no mount here: it only means that relative guest paths start there.
  if (path === null || path === '/' || !isReservedGuestPath(path)) return path ?? DEFAULT_WORKSPACE;
  if (node !== undefined) {
    const message = `workspace: "${shownText(node)}" belongs to the guest's system`;
    report(context, node, 'guest_path', message, SYSTEM_PATH_HINT);
  }
  return DEFAULT_WORKSPACE;
}

/** Every variable the guest gets, and the key that sets it. */
function variablesOf(
  fromFiles: EnvConfig,
  own: EnvConfig,
  steps: readonly StepConfig[],
): Map<string, string> {
  const variables = new Map<string, string>();
  for (const name of Object.keys(fromFiles.env)) variables.set(name, 'env_file');
  for (const step of steps) {
    for (const name of Object.keys(step.env)) variables.set(name, `env of step "${step.name}"`);
  }
  for (const name of Object.keys(own.env)) variables.set(name, 'env');
  return variables;
}

function maskedVariablesOf(node: SourceNode): Set<string> {
  const steps = itemsOf(childOf(node, 'steps')).map((step) => childOf(step, 'env'));
  const inherited = [childOf(node, 'env'), ...steps].flatMap(inheritedNames);
  return new Set([...secretVariablesOf(childOf(node, 'secrets')), ...inherited]);
}

/** One sandbox of a tree whose form is right, `defaults:` already merged under it. */
export function readSandbox(
  project: CheckContext,
  name: string,
  node: SourceNode,
  images: ReadonlyMap<string, ImageConfig>,
): SandboxConfig {
  const get = (key: string) => childOf(node, key);
  const context = { ...project, maskedVariables: maskedVariablesOf(node) };
  const resources = get('resources');
  const workspace = readWorkspace(context, get('workspace'));
  const memoryBytes = readMemory(context, childOf(resources, 'memory'));
  const fromFiles = readEnvFiles(context, get('env_file'));
  const own = readEnv(context, get('env'));
  const user = textOf(get('user'), 'root');
  const ownNames = Object.keys(own.env);
  const steps = readSteps(context, get('steps'), workspace);
  const network = readNetwork(context, get('network'));
  const variables = variablesOf(fromFiles, own, steps);
  return {
    name,
    image: chooseImage(context, get('image'), images),
    cpus: numberOf(childOf(resources, 'cpus'), 1),
    memoryBytes,
    timeoutMs: readTimeout(context, childOf(resources, 'timeout')),
    root: textOf(get('root'), 'memory') === 'readonly' ? 'readonly' : 'memory',
    workspace,
    user: user === 'root' ? '' : user,
    env: { ...fromFiles.env, ...own.env },
    maskedEnv: [
      ...fromFiles.masked.filter((variable) => !ownNames.includes(variable)),
      ...own.masked,
    ].toSorted(),
    envFiles: fromFiles.files,
    volumes: readVolumes(context, get('volumes'), { workspace, memoryBytes }),
    network,
    secrets: readSecrets(context, get('secrets'), { network, variables }),
    onWritableCode: textOf(get('on_writable_code'), 'fail') === 'warn' ? 'warn' : 'fail',
    steps,
  };
}
