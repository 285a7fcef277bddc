import { basename, posix } from 'node:path';
import {
  getChild,
  getEntries,
  type MapNode,
  type SourceNode,
} from '../../config/yaml/source-node.ts';
import { isShowableName, isVariableName } from '../../util/variable-name.ts';
import { type ConvertContext, guestPathProblem, movePath } from '../convert-context.ts';
import { guestUserOf } from '../guest-user.ts';
import { PortList } from '../port-list.ts';
import { cpuCount, memorySize } from '../quantities.ts';
import { registryImage } from '../registry-image.ts';
import { isSecretVariable, secretRemark } from '../secret-look.ts';
import { literalText, type YamlEntry, type YamlMap, yamlMap } from '../yaml-writer.ts';
import { convertCommands } from './commands.ts';
import { type DevcontainerPlaces, fromDevcontainerText } from './devcontainer-text.ts';
import { CARRIED_KEYS, FEATURE_PACKAGES, LEFT_KEYS } from './left-keys.ts';
import { convertMounts } from './mounts.ts';

/** A dev container file while it is converted. */
export class Devcontainer {
  readonly context: ConvertContext;
  readonly places: DevcontainerPlaces;

  constructor(context: ConvertContext, places: DevcontainerPlaces) {
    this.context = context;
    this.places = places;
  }

  /** The text of a scalar with its variables converted; null with a remark for anything else. */
  read(node: SourceNode, key: string): { text: string; literal: string } | null {
    if (node.kind !== 'scalar') {
      this.context.remarks.left(node, key, 'it is not a text');
      return null;
    }
    const found = fromDevcontainerText(node.text, this.places);
    if (found.problem === undefined) return found;
    this.context.remarks.left(node, key, `it contains ${found.problem}`);
    return null;
  }

  /** The text of a scalar in which only variables with a fixed value stand; null with a remark for anything else. */
  readPlain(node: SourceNode, key: string): string | null {
    const found = this.read(node, key);
    if (found === null || found.text === literalText(found.literal)) return found?.literal ?? null;
    this.context.remarks.left(node, key, 'it contains a variable of the host: write its value');
    return null;
  }
}

/** Returns the entry of `env:` for a variable; null with a remark when it cannot be carried over. */
function envEntry(
  file: Devcontainer,
  key: string,
  name: string,
  node: SourceNode,
): YamlEntry | null {
  const { remarks } = file.context;
  if (!isVariableName(name) || !isShowableName(name)) {
    remarks.left(node, key, 'a name is not that of a variable, or looks like a credential');
    return null;
  }
  const found = file.read(node, `${key}.${name}`);
  if (found === null) return null;
  if (!isSecretVariable(name, found.literal)) return { key: name, value: found.text };
  remarks.changed(node, `${key}.${name}`, secretRemark(name));
  return { key: name, value: null };
}

function convertEnv(file: Devcontainer, tree: MapNode): YamlMap | undefined {
  const entries = new Map<string, YamlEntry>();
  for (const key of ['containerEnv', 'remoteEnv']) {
    for (const [name, { value }] of getEntries(getChild(tree, key))) {
      const entry = envEntry(file, key, name, value);
      if (entry !== null) entries.set(name, entry);
    }
  }
  return entries.size === 0 ? undefined : { entries: [...entries.values()] };
}

function convertPorts(file: Devcontainer, tree: MapNode): readonly string[] | undefined {
  const ports = new PortList(file.context.remarks);
  for (const key of ['forwardPorts', 'appPort']) {
    const node = getChild(tree, key);
    for (const item of node === undefined ? [] : node.kind === 'list' ? node.items : [node]) {
      const text = file.readPlain(item, key);
      if (text !== null) ports.add(item, key, text.replace(/^localhost:/, ''));
    }
  }
  return ports.entries.length === 0 ? undefined : ports.entries;
}

/** Returns the entry `image:`; null when the dev container gets the built-in image. */
function convertImage(file: Devcontainer, tree: MapNode): YamlEntry | null {
  const node = getChild(tree, 'image');
  const text = node === undefined ? null : file.readPlain(node, 'image');
  if (node === undefined || text === null) return null;
  const image = registryImage(text);
  if (image.problem !== undefined) file.context.remarks.left(node, 'image', image.problem);
  return image.entry ?? null;
}

function noteLeftKeys({ context }: Devcontainer, tree: MapNode, isOci: boolean): void {
  for (const [key, entry] of tree.entries) {
    if (CARRIED_KEYS.has(key)) continue;
    const reason = Object.hasOwn(LEFT_KEYS, key) ? LEFT_KEYS[key] : undefined;
    context.remarks.leftKey(entry, key, reason ?? 'there is no such key here');
  }
  const features = getChild(tree, 'features');
  for (const [name, entry] of features?.kind === 'map' ? features.entries : []) {
    const short = /([a-z0-9-]+)(?::[\w.-]+)?$/.exec(name.slice(-200))?.[1] ?? '';
    const packages = FEATURE_PACKAGES.get(short);
    const what =
      packages === undefined || isOci
        ? 'install it by a step, or use an image that has it'
        : `add ${packages} to the packages of the image`;
    context.remarks.leftKey(entry, `features.${name}`, `features are not supported: ${what}`);
  }
}

function convertUser(file: Devcontainer, tree: MapNode, isOci: boolean): string | undefined {
  const key = tree.entries.has('remoteUser') ? 'remoteUser' : 'containerUser';
  const node = getChild(tree, key);
  const text = node === undefined ? null : file.readPlain(node, key);
  if (node === undefined || text === null) return undefined;
  const found = guestUserOf(text, isOci);
  if (found === null) file.context.remarks.left(node, key, 'it names no user');
  else if (found.remark !== null) file.context.remarks.changed(node, key, found.remark);
  return found?.user;
}

function convertResources(file: Devcontainer, tree: MapNode): YamlMap | undefined {
  const node = getChild(tree, 'hostRequirements');
  const read = <T>(name: string, parse: (text: string) => T | null): T | undefined => {
    const child = getChild(node, name);
    const text = child === undefined ? null : file.readPlain(child, `hostRequirements.${name}`);
    return text === null ? undefined : (parse(text) ?? undefined);
  };
  for (const [name, entry] of node?.kind === 'map' ? node.entries : []) {
    if (name === 'cpus' || name === 'memory') continue;
    file.context.remarks.leftKey(entry, `hostRequirements.${name}`, 'a VM has cpus and memory');
  }
  const [cpus, memory] = [read('cpus', cpuCount), read('memory', memorySize)];
  if (cpus === undefined && memory === undefined) return undefined;
  return yamlMap([
    ['cpus', cpus],
    ['memory', memory],
  ]);
}

/** Returns the guest path of the repository: `workspaceFolder`, else `/workspaces/NAME`. */
function workspaceOf(tree: MapNode, context: ConvertContext, name: string): string {
  const fallback = posix.join('/workspaces', name.replaceAll(/[^A-Za-z0-9._-]/g, '-') || 'project');
  const node = getChild(tree, 'workspaceFolder');
  if (node === undefined) return fallback;
  const places = { root: '.', workspace: fallback, basename: name };
  const text = node.kind === 'scalar' ? fromDevcontainerText(node.text, places) : null;
  const path = text !== null && text.problem === undefined ? posix.normalize(text.literal) : '';
  const clean = path.replace(/(?<=.)\/+$/, '');
  const problem = guestPathProblem(clean);
  if (problem === null) return clean;
  context.remarks.left(node, 'workspaceFolder', problem);
  return fallback;
}

/** Converts a dev container file to a project file with one sandbox. `context.inputDirectory` is the repository. */
export function convertDevcontainer(tree: MapNode, context: ConvertContext): YamlMap {
  const name = basename(context.inputDirectory);
  const workspace = workspaceOf(tree, context, name);
  const root = movePath(context, '.').shown;
  const file = new Devcontainer(context, { root, workspace, basename: name });
  const image = convertImage(file, tree);
  const isOci = image !== null;
  noteLeftKeys(file, tree, isOci);
  const steps = convertCommands(file, tree);
  const closed = ['The guest reaches nothing until a host is named here, such as api.example.com.'];
  const plain = yamlMap([
    ['resources', convertResources(file, tree)],
    ['workspace', literalText(workspace)],
    ['user', convertUser(file, tree, isOci)],
    ['env', convertEnv(file, tree)],
    ['volumes', convertMounts(file, tree)],
    ['ports', convertPorts(file, tree)],
    ['network', { entries: [{ key: 'allowed_hosts', value: [], comment: closed }] }],
    ['steps', steps.length === 0 ? undefined : steps],
  ]);
  const version = { key: 'version', value: 1 };
  return { entries: [version, image ?? { key: 'image', value: 'debian' }, ...plain.entries] };
}
