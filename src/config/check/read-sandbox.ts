import type { ImageConfig, SandboxConfig, StepConfig } from '../config.ts';
import { SANDBOX_WORKSPACE } from '../defaults.ts';
import { getChild, getItems, type SourceNode } from '../yaml/source-node.ts';
import { type CheckContext, numberOr, report, shownText, textOr } from './check-context.ts';
import { isReservedGuestPath, resolveGuestPath, SYSTEM_PATH_HINT } from './guest-path.ts';
import { readSizeBytes, readTimeout, type SizeLimits } from './quantities.ts';
import { readGuestPatterns } from './read-artifacts.ts';
import { type EnvConfig, inheritedNames, readEnv, readEnvFiles } from './read-env.ts';
import { chooseImage } from './read-images.ts';
import { readNetwork } from './read-network.ts';
import { readEnvOutputs } from './read-outputs.ts';
import { readPorts } from './read-ports.ts';
import { readSecretConfigs, secretVariables } from './read-secrets.ts';
import { readService } from './read-service.ts';
import { readShards } from './read-shards.ts';
import { readSteps } from './read-steps.ts';
import { type NamedVolumes, readVolumes } from './read-volumes.ts';
import { readWatch } from './read-watch.ts';

const MEMORY_LIMITS: SizeLimits = { key: 'resources.memory', fallback: '512MiB', min: '64MiB' };

function readMemory(context: CheckContext, node: SourceNode | undefined): number {
  const bytes = readSizeBytes(context, node, MEMORY_LIMITS);
  return Math.ceil(bytes / 2 ** 20) * 2 ** 20;
}

function readWorkspace(context: CheckContext, node: SourceNode | undefined): string {
  const text = textOr(node, SANDBOX_WORKSPACE);
  // The schema has reported a relative path.
  const path = text.startsWith('/') ? resolveGuestPath(text, '/') : SANDBOX_WORKSPACE;
  // `/` is not mounted: it only means that relative guest paths start there.
  if (path === null || path === '/' || !isReservedGuestPath(path)) return path ?? SANDBOX_WORKSPACE;
  if (node !== undefined) {
    const message = `workspace: "${shownText(node)}" is reserved for the guest's system`;
    report(context, node, 'guest_path', message, SYSTEM_PATH_HINT);
  }
  return SANDBOX_WORKSPACE;
}

/** Returns every variable that the guest receives, with the key that sets it. */
function guestVariables(
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

function findMaskedVariables(node: SourceNode): Set<string> {
  const steps = getItems(getChild(node, 'steps')).map((step) => getChild(step, 'env'));
  const inherited = [getChild(node, 'env'), ...steps].flatMap(inheritedNames);
  const proxy = getChild(getChild(node, 'network'), 'upstream_proxy');
  const credentials = textOr(getChild(getChild(proxy, 'credentials'), 'env'), '');
  return new Set([...secretVariables(getChild(node, 'secrets')), credentials, ...inherited]);
}

/** Parts of the project file that sandboxes refer to by name. */
export interface SharedParts {
  readonly images: ReadonlyMap<string, ImageConfig>;
  readonly named: NamedVolumes;
}

const ROOT_DISK: SizeLimits = { key: 'resources.disk', fallback: '8GiB', min: '32MiB' };

function readRoot(node: SourceNode | undefined): SandboxConfig['root'] {
  const text = textOr(node, 'memory');
  return text === 'readonly' || text === 'disk' ? text : 'memory';
}

/** Reads one sandbox of a tree whose form is right, with `defaults:` already merged under it. */
export function readSandbox(
  project: CheckContext,
  name: string,
  node: SourceNode,
  { images, named }: SharedParts,
): Omit<SandboxConfig, 'matrix' | 'matrixOf'> {
  const get = (key: string) => getChild(node, key);
  const context = { ...project, maskedVariables: findMaskedVariables(node) };
  const resources = get('resources');
  const workspace = readWorkspace(context, get('workspace'));
  const memoryBytes = readMemory(context, getChild(resources, 'memory'));
  const fromFiles = readEnvFiles(context, get('env_file'));
  const own = readEnv(context, get('env'));
  const user = textOr(get('user'), 'root');
  const ownNames = Object.keys(own.env);
  const steps = readSteps(context, get('steps'), workspace);
  const network = readNetwork(context, get('network'));
  const root = readRoot(get('root'));
  const place = { workspace, memoryBytes, named, hasMemory: root !== 'disk' };
  const volumes = readVolumes(context, get('volumes'), place);
  const variables = guestVariables(fromFiles, own, steps);
  return {
    name,
    artifacts: readGuestPatterns(context, get('artifacts'), 'artifacts'),
    reports: {
      junit: readGuestPatterns(context, getChild(get('reports'), 'junit'), 'reports.junit'),
    },
    shards: readShards(context, get('shards'), { hasRun: get('run') !== undefined, steps }),
    profiles: getItems(get('profiles')).map((item) => textOr(item, '')),
    image: chooseImage(context, get('image'), images),
    cpus: numberOr(getChild(resources, 'cpus'), 1),
    memoryBytes,
    timeoutMs: readTimeout(context, getChild(resources, 'timeout')),
    root,
    diskBytes: readSizeBytes(context, getChild(resources, 'disk'), ROOT_DISK),
    workspace,
    user: user === 'root' ? '' : user,
    env: { ...fromFiles.env, ...own.env },
    envOutputs: readEnvOutputs(get('env')),
    maskedEnv: [
      ...fromFiles.masked.filter((variable) => !ownNames.includes(variable)),
      ...own.masked,
    ].toSorted(),
    envFiles: fromFiles.files,
    volumes,
    hide: getItems(get('hide')).map((item) => textOr(item, '')),
    network,
    ports: readPorts(context, get('ports')),
    secrets: readSecretConfigs(context, get('secrets'), { network, variables }),
    onWritableCode: textOr(get('on_writable_code'), 'fail') === 'warn' ? 'warn' : 'fail',
    steps,
    service: readService(context, node),
    watch: readWatch(context, node, {
      stepNames: steps.map((step) => step.name),
      hasService: get('run') !== undefined,
      copiedPaths: volumes.flatMap((volume) => (volume.kind === 'copy' ? [volume.hostPath] : [])),
    }),
    // Filled in by readDependencies, which knows the other sandboxes.
    dependsOn: [],
  };
}
