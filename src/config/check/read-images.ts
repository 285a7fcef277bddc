import { dirname, resolve } from 'node:path';
import { parseImageReference } from '../../address/parse-image-reference.ts';
import { nearestName } from '../../util/nearest-name.ts';
import type { ImageConfig, NetworkConfig } from '../config.ts';
import { DEFAULT_IMAGE } from '../defaults.ts';
import {
  getChild,
  getEntries,
  getItems,
  type ScalarNode,
  type SourceNode,
} from '../yaml/source-node.ts';
import { type CheckContext, isScalar, report, shownText, textOr } from './check-context.ts';
import { readDockerfile, refuseDockerfileKeys } from './read-dockerfile.ts';
import { readNetwork } from './read-network.ts';

/** Where an OCI image may come from besides a registry, and the kind of the path after it. */
const LOCAL_SOURCES = { 'oci-layout:': 'directory', 'docker-archive:': 'file' } as const;

function toArch(text: string): ImageConfig['arch'] {
  return text === 'x86_64' || text === 'aarch64' ? text : 'host';
}

function toPull(text: string): ImageConfig['pull'] {
  return text === 'always' || text === 'never' ? text : 'missing';
}

/** Reads the source of an OCI image, with its path absolute. */
export function readOci(context: CheckContext, key: string, node: ScalarNode): string {
  for (const [prefix, kind] of Object.entries(LOCAL_SOURCES)) {
    if (!node.text.startsWith(prefix)) continue;
    const [path = '', ...name] = node.text.slice(prefix.length).split(':');
    const absolute = resolve(dirname(node.span.file.path), path);
    if (context.access.pathKind(absolute) !== kind) {
      report(context, node, 'path_missing', `${key}: no ${kind} at ${absolute}`);
    }
    return prefix + [absolute, ...name].join(':');
  }
  const { problem } = parseImageReference(node.text);
  if (problem !== undefined) {
    const message = `${key}: "${shownText(node)}" is not an image of a registry: ${problem}`;
    report(context, node, 'image_reference', message);
  }
  return node.text;
}

function readImage(context: CheckContext, name: string, node: SourceNode): ImageConfig {
  const setup = getItems(getChild(node, 'setup')).map((item) => textOr(item, ''));
  const network = getChild(node, 'network');
  const isUsed = setup.length > 0 || getChild(node, 'dockerfile') !== undefined;
  if (network !== undefined && getEntries(network).length > 0 && !isUsed) {
    const message = `images.${name}.network: only an image with setup: or dockerfile: has one`;
    report(context, network, 'needs_setup', message);
  }
  const all = readNetwork(context, network);
  const { allowedHosts, allowedPrivate, extraHosts } = all;
  const reached = { allowedHosts, allowedPrivate, extraHosts };
  return { ...readBase(context, name, node, all), setup, network: reached };
}

/** Reads what an image is before its setup. */
function readBase(
  context: CheckContext,
  name: string,
  node: SourceNode,
  network: NetworkConfig,
): ImageConfig {
  checkArch(context, name, node);
  const pull = getChild(node, 'pull');
  const file = getChild(node, 'dockerfile');
  if (isScalar(file)) {
    const dockerfile = readDockerfile(context, name, node, file, network);
    return { ...DEFAULT_IMAGE, name, dockerfile, pull: toPull(textOr(pull, 'missing')) };
  }
  refuseDockerfileKeys(context, name, node);
  const oci = getChild(node, 'oci');
  const alpine = getChild(node, 'alpine');
  const arch = toArch(textOr(getChild(node, 'arch'), 'host'));
  if (isScalar(oci)) {
    const source = readOci(context, `images.${name}.oci`, oci);
    return { ...DEFAULT_IMAGE, name, arch, oci: source, pull: toPull(textOr(pull, 'missing')) };
  }
  if (isScalar(pull)) {
    const message = `images.${name}.pull: only an image with oci: or dockerfile: has one`;
    report(context, pull, 'needs_oci', message);
  }
  const path = getChild(node, 'path');
  if (isScalar(path)) {
    const absolute = resolve(dirname(path.span.file.path), path.text);
    if (context.access.pathKind(absolute) !== 'directory') {
      report(context, path, 'path_missing', `images.${name}.path: no directory at ${absolute}`);
    }
    return { ...DEFAULT_IMAGE, name, path: absolute };
  }
  const tag = getChild(node, 'tag');
  if (isScalar(tag)) return { ...DEFAULT_IMAGE, name, tag: tag.text };
  if (alpine !== undefined) return { ...readAlpine(context, name, alpine), arch };
  return readBuild(context, name, getChild(node, 'build'));
}

function checkArch(context: CheckContext, name: string, node: SourceNode): void {
  const arch = getChild(node, 'arch');
  const hasOne = ['oci', 'alpine'].some((key) => getChild(node, key) !== undefined);
  if (!isScalar(arch) || hasOne) return;
  const message = `images.${name}.arch: only an image with oci: or alpine: has one`;
  report(context, arch, 'needs_oci_or_alpine', message);
}

function readAlpine(context: CheckContext, name: string, node: SourceNode): ImageConfig {
  const textOrNull = (key: string) => {
    const child = getChild(node, key);
    return isScalar(child) ? child.text : null;
  };
  const packages = getItems(getChild(node, 'packages')).map((item) => textOr(item, ''));
  const keys = getChild(node, 'keys');
  const keysPath = isScalar(keys) ? resolve(dirname(keys.span.file.path), keys.text) : null;
  if (isScalar(keys) && keysPath !== null && context.access.pathKind(keysPath) !== 'directory') {
    const message = `images.${name}.alpine.keys: no directory at ${keysPath}`;
    report(context, keys, 'path_missing', message);
  }
  const alpine = {
    version: textOrNull('version') ?? '',
    branch: textOrNull('branch'),
    packages: [...new Set(packages)].toSorted(),
    mirror: textOrNull('mirror'),
    keys: keysPath,
  };
  return { ...DEFAULT_IMAGE, name, alpine };
}

function readBuild(
  context: CheckContext,
  name: string,
  build: SourceNode | undefined,
): ImageConfig {
  const debian = getChild(build, 'debian');
  const packages = getItems(getChild(debian, 'packages')).map((item) => textOr(item, ''));
  return {
    ...DEFAULT_IMAGE,
    name,
    arch: toArch(textOr(getChild(build, 'arch'), 'host')),
    release: textOr(getChild(debian, 'release'), DEFAULT_IMAGE.release),
    packages: [...new Set(packages)].toSorted(),
    mirror: textOr(getChild(debian, 'mirror'), DEFAULT_IMAGE.mirror),
    snapshot: readSnapshot(context, name, getChild(debian, 'snapshot')),
  };
}

/** Reads the time of a snapshot. The schema has its form; a day need not exist in the calendar. */
function readSnapshot(
  context: CheckContext,
  name: string,
  node: SourceNode | undefined,
): string | null {
  if (!isScalar(node)) return null;
  const time = new Date(node.text);
  const isReal =
    !Number.isNaN(time.getTime()) && `${time.toISOString().slice(0, 19)}Z` === node.text;
  if (isReal) return node.text;
  const key = `images.${name}.build.debian.snapshot`;
  report(context, node, 'bad_value', `${key}: ${shownText(node)} is no time of the calendar`);
  return null;
}

/** Reads `images:` by name. The built-in image is included unless the file defines one of that name. */
export function readImages(
  context: CheckContext,
  node: SourceNode | undefined,
): Map<string, ImageConfig> {
  const images = new Map([[DEFAULT_IMAGE.name, DEFAULT_IMAGE]]);
  for (const [name, { value }] of getEntries(node))
    images.set(name, readImage(context, name, value));
  return images;
}

/** Returns the image that a sandbox names: a key of `images:`, or one of a registry. */
export function chooseImage(
  context: CheckContext,
  node: SourceNode | undefined,
  images: ReadonlyMap<string, ImageConfig>,
): ImageConfig {
  const name = textOr(node, DEFAULT_IMAGE.name);
  const image = images.get(name);
  if (image !== undefined) return image;
  // A name alone is a key of `images:`; with a tag, a slash or a digest it is an image of a registry.
  if (isScalar(node) && /[:/@]/.test(name)) {
    return { ...DEFAULT_IMAGE, name, oci: readOci(context, 'image', node) };
  }
  const near = nearestName(name, images.keys());
  const hint = near === undefined ? undefined : `Did you mean "${near}"?`;
  if (node !== undefined) {
    report(context, node, 'unknown_image', `image: no image "${shownText(node)}"`, hint);
  }
  return DEFAULT_IMAGE;
}
