import { posix } from 'node:path';
import { getChild, type MapNode, startPlace } from '../../config/yaml/source-node.ts';
import { type ConvertContext, guestPathProblem } from '../convert-context.ts';
import { guestUserOf } from '../guest-user.ts';
import { invalidInput } from '../read-input.ts';
import { registryImage } from '../registry-image.ts';
import {
  literalText,
  type YamlEntry,
  type YamlMap,
  type YamlValue,
  yamlMap,
} from '../yaml-writer.ts';
import { convertBuild } from './build.ts';
import { serviceCommand } from './command.ts';
import { type ComposeService, keyOf, plainTextOf, presentValue } from './compose-service.ts';
import { convertEnvFile, convertEnvironment } from './environment.ts';
import { reasonFor } from './left-keys.ts';
import { convertLife } from './life.ts';
import { convertPorts } from './ports.ts';
import { convertResources } from './resources.ts';
import { convertVolumes } from './volumes.ts';

const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const MAX_SERVICES = 500;
const TOP_KEYS = ['services', 'version', 'name', 'volumes', 'networks'];
const CLOSED = [
  'The guest reaches the sandboxes that it depends on, and a host that is named here, such as api.example.com.',
];

/** Gives each service the name of its sandbox: lower case, with - for other characters, unique. */
function nameSandboxes(services: MapNode): Map<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  for (const service of services.entries.keys()) {
    const plain = service
      .toLowerCase()
      .replaceAll(/[^a-z0-9_-]+/g, '-')
      .slice(0, 55);
    const base = NAME.test(plain) ? plain : `s${plain.replace(/^[^a-z0-9]+/, '')}`;
    let name = base;
    for (let number = 2; taken.has(name); number++) name = `${base}-${number}`;
    taken.add(name);
    names.set(service, name);
  }
  return names;
}

/**
 * Returns the entry `image:`; null for a service that gets the built-in image.
 * @param images  Receives an entry for an image that is built.
 */
function convertImage(service: ComposeService, images: YamlEntry[]): YamlEntry | null {
  const { remarks } = service.context;
  const build = presentValue(service, 'build');
  if (build !== undefined) {
    const name = service.sandboxes.get(service.name) ?? service.name;
    const image = convertBuild(service, build, name);
    if (image === null) return null;
    images.push(image);
    return { key: 'image', value: literalText(name) };
  }
  const node = presentValue(service, 'image');
  const key = keyOf(service, 'image');
  const text = node === undefined ? null : plainTextOf(service, node, key);
  if (node === undefined || text === null) return null;
  const image = registryImage(text);
  if (image.problem !== undefined) remarks.left(node, key, image.problem);
  return image.entry ?? null;
}

function convertWorkspace(service: ComposeService): string | undefined {
  const node = presentValue(service, 'working_dir');
  const key = keyOf(service, 'working_dir');
  const text = node === undefined ? null : plainTextOf(service, node, key);
  if (node === undefined || text === null) return undefined;
  const clean = posix.normalize(text).replace(/(?<=.)\/+$/, '');
  const problem = guestPathProblem(clean);
  if (problem === null) return literalText(clean);
  service.context.remarks.left(node, key, problem);
  return undefined;
}

function convertUser(service: ComposeService, isOci: boolean): string | undefined {
  const node = presentValue(service, 'user');
  const key = keyOf(service, 'user');
  const text = node === undefined ? null : plainTextOf(service, node, key);
  if (node === undefined || text === null) return undefined;
  const found = guestUserOf(text, isOci);
  if (found === null) service.context.remarks.left(node, key, 'it names no user');
  else if (found.remark !== null) service.context.remarks.changed(node, key, found.remark);
  return found?.user;
}

function convertNetwork(service: ComposeService): YamlMap {
  const node = presentValue(service, 'network_mode');
  const text =
    node === undefined ? null : plainTextOf(service, node, keyOf(service, 'network_mode'));
  if (text === 'none') return yamlMap([['mode', 'none']]);
  if (node !== undefined && text !== null) {
    service.context.remarks.left(node, keyOf(service, 'network_mode'), 'a VM has its own network');
  }
  return { entries: [{ key: 'allowed_hosts', value: [], comment: CLOSED }] };
}

function convertService(
  service: ComposeService,
  image: YamlEntry | null,
  command: YamlValue | undefined,
): YamlMap {
  const { remarks } = service.context;
  for (const [key, entry] of service.node.entries) {
    const reason = reasonFor(key);
    if (reason !== null) remarks.leftKey(entry, keyOf(service, key), reason);
  }
  const readOnly = presentValue(service, 'read_only');
  const plain = yamlMap([
    ['resources', convertResources(service)],
    ['root', readOnly?.kind === 'scalar' && readOnly.value === true ? 'readonly' : undefined],
    ['workspace', convertWorkspace(service)],
    ['user', convertUser(service, image !== null)],
    ['env_file', convertEnvFile(service)],
    ['env', convertEnvironment(service)],
    ['volumes', convertVolumes(service)],
    ['ports', convertPorts(service)],
    ['network', convertNetwork(service)],
  ]);
  const run = yamlMap([['run', command]]);
  return {
    entries: [
      ...(image === null ? [] : [image]),
      ...plain.entries,
      ...convertLife(service),
      ...run.entries,
    ],
  };
}

function noteTopKeys({ remarks }: ConvertContext, tree: MapNode): string | undefined {
  for (const [key, entry] of tree.entries) {
    if (TOP_KEYS.includes(key) || key.startsWith('x-')) continue;
    remarks.leftKey(entry, key, reasonFor(key) ?? 'there is no such key here');
  }
  const name = getChild(tree, 'name');
  if (name === undefined) return undefined;
  if (name.kind === 'scalar' && NAME.test(name.text)) return name.text;
  remarks.left(name, 'name', 'it is not a name of lower-case letters, digits, _ and -');
  return undefined;
}

/**
 * Converts a Compose file to a project file: each service becomes a sandbox.
 * @throws {GondolinError} CONVERT_INPUT_INVALID when it has no services.
 */
export function convertCompose(tree: MapNode, context: ConvertContext): YamlMap {
  const services = getChild(tree, 'services');
  if (services?.kind !== 'map' || services.entries.size === 0) {
    throw invalidInput('services: want a map of services', startPlace((services ?? tree).span));
  }
  if (services.entries.size > MAX_SERVICES) {
    throw invalidInput(`services: more than ${MAX_SERVICES}`, startPlace(services.span));
  }
  const name = noteTopKeys(context, tree);
  const sandboxes = nameSandboxes(services);
  const running = new Set<string>();
  const images: YamlEntry[] = [];
  const found = [...services.entries].flatMap(([service, entry]) => {
    const { value } = entry;
    if (value.kind !== 'map') {
      context.remarks.leftKey(entry, `services.${service}`, 'it is not a map of keys');
      return [];
    }
    const one: ComposeService = { context, name: service, node: value, sandboxes, running };
    const image = convertImage(one, images);
    const command = serviceCommand(one, image !== null);
    if (command !== undefined) running.add(service);
    return [{ one, image, command }];
  });
  const converted = found.map(({ one, image, command }): YamlEntry => {
    const key = sandboxes.get(one.name) ?? one.name;
    if (key !== one.name) {
      context.remarks.changed(one.node, `services.${one.name}`, `the sandbox is named ${key}`);
    }
    return { key, value: convertService(one, image, command) };
  });
  if (converted.length === 0) {
    throw invalidInput('services: no service is a map of keys', startPlace(services.span));
  }
  return yamlMap([
    ['version', 1],
    ['name', name],
    ['images', images.length === 0 ? undefined : { entries: images }],
    ['sandboxes', { entries: converted }],
  ]);
}
