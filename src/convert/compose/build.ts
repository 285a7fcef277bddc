import { dirname, isAbsolute, join } from 'node:path';
import { getChild, type SourceNode } from '../../config/yaml/source-node.ts';
import { movePath } from '../convert-context.ts';
import { literalText, type YamlEntry, type YamlMap, yamlMap } from '../yaml-writer.ts';
import { type ComposeService, keyOf, plainTextOf } from './compose-service.ts';
import { convertBuildArgs } from './environment.ts';

const KEYS = ['context', 'dockerfile', 'args', 'target'];
const REASONS: Readonly<Record<string, string>> = {
  dockerfile_inline: 'write the Dockerfile into a file, and name it by dockerfile:',
  secrets: 'add secrets: NAME@host to the image: the build sees placeholders',
  ssh: 'the build has no SSH keys: let it download by HTTPS, with secrets: NAME@host of the image',
  network: 'the build reaches what network: of the image names',
  extra_hosts: 'add extra_hosts: to the network: of the image',
};
const CLOSED = [
  'The build reaches the hosts that are named here, such as deb.example.com; images of FROM need no entry.',
];

function textAt(
  service: ComposeService,
  build: SourceNode,
  key: string,
): string | null | undefined {
  const node = build.kind === 'map' ? getChild(build, key) : undefined;
  if (node === undefined || (node.kind === 'scalar' && node.value === null)) return undefined;
  return plainTextOf(service, node, keyOf(service, 'build', key));
}

/** The places of a build, absolute and as the written file has them; null with a remark. */
function placesOf(service: ComposeService, build: SourceNode) {
  const { remarks, access } = service.context;
  const key = keyOf(service, 'build');
  const left = (reason: string): null => {
    remarks.left(build, key, reason);
    return null;
  };
  const given =
    build.kind === 'map' ? textAt(service, build, 'context') : plainTextOf(service, build, key);
  const name = textAt(service, build, 'dockerfile');
  // A remark says why.
  if (given === null || name === null) return null;
  const context = movePath(service.context, given ?? '.');
  if (access.pathKind(context.path) !== 'directory')
    return left('its context is no directory here');
  // Relative to the context; one that is absolute stays so.
  const path = isAbsolute(name ?? '') ? '' : (given ?? '.');
  const dockerfile = movePath(service.context, join(path, name ?? 'Dockerfile'));
  if (access.pathKind(dockerfile.path) !== 'file') {
    return left('its Dockerfile does not exist: create it, then add it');
  }
  const isBeside = dirname(dockerfile.path) === context.path;
  return { context: isBeside ? null : context.shown, dockerfile: dockerfile.shown };
}

/** Converts `build` to an entry of `images:`; null with a remark. @param name  Of the image. */
export function convertBuild(
  service: ComposeService,
  build: SourceNode,
  name: string,
): YamlEntry | null {
  if (build.kind === 'map') noteLeftKeys(service, build);
  if (build.kind === 'map' && getChild(build, 'dockerfile_inline') !== undefined) return null;
  const places = placesOf(service, build);
  if (places === null) return null;
  const target = textAt(service, build, 'target');
  if (target === null) return null;
  const args = build.kind === 'map' ? getChild(build, 'args') : undefined;
  const plain = yamlMap([
    ['dockerfile', literalText(places.dockerfile)],
    ['context', places.context === null ? undefined : literalText(places.context)],
    ['target', target === undefined ? undefined : literalText(target)],
    [
      'args',
      args === undefined
        ? undefined
        : convertBuildArgs(service, args, keyOf(service, 'build', 'args')),
    ],
  ]);
  const hosts: YamlMap = { entries: [{ key: 'allowed_hosts', value: [], comment: CLOSED }] };
  return { key: name, value: { entries: [...plain.entries, { key: 'network', value: hosts }] } };
}

function noteLeftKeys(service: ComposeService, build: Extract<SourceNode, { kind: 'map' }>): void {
  for (const [key, entry] of build.entries) {
    if (KEYS.includes(key) || key.startsWith('x-')) continue;
    const reason = REASONS[key] ?? 'there is no such key of an image here';
    service.context.remarks.leftKey(entry, keyOf(service, 'build', key), reason);
  }
}
