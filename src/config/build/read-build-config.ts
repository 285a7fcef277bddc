import { dirname, resolve } from 'node:path';
import {
  type CheckContext,
  isScalar,
  numberOr,
  report,
  shownText,
  textOr,
} from '../check/check-context.ts';
import { resolveGuestPath } from '../check/guest-path.ts';
import { readOci } from '../check/read-images.ts';
import { readHostPattern } from '../check/read-network.ts';
import { ConfigError } from '../config-error.ts';
import type { FileAccess } from '../file-access.ts';
import { findFormIssues, withoutEchoes } from '../form/form-issues.ts';
import { ISSUE_HINTS, type Issue, sortIssues } from '../issue.ts';
import { parseYaml } from '../yaml/parse-yaml.ts';
import {
  getChild,
  getEntries,
  getItems,
  type SourceFile,
  type SourceNode,
} from '../yaml/source-node.ts';
import { type BuildConfig, type BuildSource, DEFAULT_BUILD_CONFIG } from './build-config.ts';
import { validateBuildSchema } from './compiled-build-schema.ts';

const MIB = 2 ** 20;
/** The guest mounts file systems of its own there. */
const NO_PART_OF_IMAGES = /^\/(?:dev|proc|run|sys)(?:\/|$)/;
const PULL_POLICIES = {
  'if-not-present': 'missing',
  always: 'always',
  never: 'never',
} as const;

/**
 * Turns the text of a build configuration into its checked form. JSON is YAML, so that mistakes have lines, and YAML works too.
 *
 * @throws {ConfigError} CONFIG_INVALID with every mistake at once.
 */
export function readBuildConfig(file: SourceFile, access: FileAccess): BuildConfig {
  const issues: Issue[] = [];
  const tree = parseYaml(file, issues);
  if (tree === undefined) {
    if (issues.length === 0) issues.push(emptyIssue(file));
    throw new ConfigError(issues, new Map([[file.path, file.text]]));
  }
  const formIssues = findFormIssues(tree, validateBuildSchema).map(explainInit);
  const context: CheckContext = { access, env: {}, issues: [] };
  const config = readTree(context, tree);
  issues.push(...formIssues, ...withoutEchoes(context.issues, formIssues));
  if (issues.length === 0) return config;
  throw new ConfigError(sortIssues(issues, [file.path]), new Map([[file.path, file.text]]));
}

/** Other builders of such images let users replace the first process. */
function explainInit(issue: Issue): Issue {
  if (issue.code !== 'unknown_key' || !/^init(?:\.|:)/.test(issue.message)) return issue;
  return {
    ...issue,
    code: 'unsupported_key',
    message: "init: the first process of a guest is gondolin's agent, which also mounts the root",
    hint: 'Run what changes the image in `postBuild.commands`, and what runs in a guest as a command, step or service.',
  };
}

function emptyIssue(file: SourceFile): Issue {
  const at = { file: file.path, line: 1, col: 1 };
  return { code: 'missing_key', message: 'the file is empty', hint: ISSUE_HINTS.missing_key, at };
}

function readTree(context: CheckContext, tree: SourceNode): BuildConfig {
  const arch = textOr(getChild(tree, 'arch'), 'host');
  const rootfs = getChild(tree, 'rootfs');
  const sizeMb = numberOr(getChild(rootfs, 'sizeMb'), 0);
  return {
    arch: arch === 'x86_64' || arch === 'aarch64' ? arch : 'host',
    source: readSource(context, tree),
    rootfs: {
      label: textOr(getChild(rootfs, 'label'), DEFAULT_BUILD_CONFIG.rootfs.label),
      maxBytes: sizeMb === 0 ? null : sizeMb * MIB,
    },
    env: readEnv(getChild(tree, 'env')),
    postBuild: readPostBuild(context, getChild(tree, 'postBuild')),
  };
}

/** An OCI image is the root file system whatever the distribution, whose kernel it boots. */
function readSource(context: CheckContext, tree: SourceNode): BuildSource {
  const oci = getChild(tree, 'oci');
  if (oci !== undefined) return readOciSource(context, oci);
  if (textOr(getChild(tree, 'distro'), 'debian') === 'alpine') {
    return readAlpine(context, getChild(tree, 'alpine'));
  }
  const debian = getChild(tree, 'debian');
  return {
    kind: 'debian',
    release: textOr(getChild(debian, 'release'), 'host'),
    packages: readPackages(debian),
    mirror: textOr(getChild(debian, 'mirror'), 'host'),
  };
}

function readOciSource(context: CheckContext, oci: SourceNode): BuildSource {
  const image = getChild(oci, 'image');
  const policy = textOr(getChild(oci, 'pullPolicy'), 'if-not-present');
  return {
    kind: 'oci',
    image: isScalar(image) ? readOci(context, 'oci.image', image) : '',
    pull: policy === 'always' || policy === 'never' ? PULL_POLICIES[policy] : 'missing',
  };
}

/** Debian's cloud kernel stands in for these, and for no other. */
const ALPINE_KERNEL = { kernelPackage: 'linux-virt', kernelImage: 'vmlinuz-virt' } as const;

function checkKernel(context: CheckContext, alpine: SourceNode | undefined): void {
  for (const [key, wanted] of Object.entries(ALPINE_KERNEL)) {
    const node = getChild(alpine, key);
    if (!isScalar(node) || node.text === wanted) continue;
    const message = `alpine.${key}: got ${shownText(node)}: every image boots Debian's cloud kernel, which stands in for "${wanted}" only`;
    report(context, node, 'unsupported_key', message, `Remove the key, or write "${wanted}".`);
  }
}

function readAlpine(context: CheckContext, alpine: SourceNode | undefined): BuildSource {
  checkKernel(context, alpine);
  const textOrNull = (key: string) => {
    const node = getChild(alpine, key);
    return isScalar(node) ? node.text : null;
  };
  return {
    kind: 'alpine',
    version: textOr(getChild(alpine, 'version'), ''),
    branch: textOrNull('branch'),
    mirror: textOrNull('mirror'),
    packages: readPackages(alpine),
  };
}

function readPackages(node: SourceNode | undefined): readonly string[] {
  const names = getItems(getChild(node, 'rootfsPackages')).map((item) => textOr(item, ''));
  return [...new Set(names)].toSorted();
}

function readEnv(node: SourceNode | undefined): Record<string, string> {
  const listed = getItems(node).map((item) => {
    const [, name = '', value = ''] = /^([^=]*)=(.*)$/s.exec(textOr(item, '')) ?? [];
    return [name, value] as const;
  });
  const mapped = getEntries(node).map(([name, { value }]) => [name, textOr(value, '')] as const);
  return Object.fromEntries([...listed, ...mapped]);
}

function readPostBuild(
  context: CheckContext,
  node: SourceNode | undefined,
): BuildConfig['postBuild'] {
  const copy = getItems(getChild(node, 'copy')).map((item, index) => {
    const source = getChild(item, 'src');
    const hostPath = resolve(dirname(item.span.file.path), textOr(source, ''));
    const kind = context.access.pathKind(hostPath);
    if (isScalar(source) && kind !== 'file' && kind !== 'directory') {
      const message = `postBuild.copy[${index}].src: no file or directory at ${hostPath}`;
      report(context, source, 'path_missing', message);
    }
    return { hostPath, guestPath: readGuestPath(context, item, index) };
  });
  const hosts = getItems(getChild(node, 'allowedHosts')).filter(isScalar);
  const patterns = hosts.map((item) => readHostPattern(context, item, 'postBuild.allowedHosts'));
  return {
    copy,
    commands: getItems(getChild(node, 'commands')).map((item) => textOr(item, '')),
    allowedHosts: [...new Set(patterns.filter((host) => host !== null))],
  };
}

function readGuestPath(context: CheckContext, item: SourceNode, index: number): string {
  const dest = getChild(item, 'dest');
  const path = resolveGuestPath(textOr(dest, '/'), '/');
  if (path !== null && !NO_PART_OF_IMAGES.test(path)) return path;
  const message = `postBuild.copy[${index}].dest: ${shownText(dest)} is no place in an image`;
  if (isScalar(dest)) report(context, dest, 'guest_path', message);
  return '/';
}
