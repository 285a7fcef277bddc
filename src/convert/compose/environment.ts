import { getChild, type SourceNode } from '../../config/yaml/source-node.ts';
import { isShowableName, isVariableName } from '../../util/variable-name.ts';
import { movePath } from '../convert-context.ts';
import { isSecretVariable, secretRemark } from '../secret-look.ts';
import {
  literalText,
  type YamlEntry,
  type YamlMap,
  type YamlValue,
  yamlMap,
} from '../yaml-writer.ts';
import { type ComposeService, keyOf, plainTextOf, presentValue } from './compose-service.ts';
import { fromComposeText } from './interpolation.ts';

interface Variable {
  readonly name: string;
  readonly node: SourceNode;
  /** null takes the host's value. */
  readonly text: string | null;
}

/** Reads a map or list of variables. @param key  For remarks. */
function variablesOf(service: ComposeService, node: SourceNode, key: string): Variable[] {
  const { remarks } = service.context;
  if (node.kind === 'map') {
    return [...node.entries].flatMap(([name, { value }]) => {
      if (value.kind === 'scalar') {
        return [{ name, node: value, text: value.value === null ? null : value.text }];
      }
      remarks.left(value, key, 'a value is not a text');
      return [];
    });
  }
  return (node.kind === 'list' ? node.items : [node]).flatMap((item) => {
    if (item.kind !== 'scalar') {
      remarks.left(item, key, 'an entry is not a text');
      return [];
    }
    const at = item.text.indexOf('=');
    const name = at < 0 ? item.text : item.text.slice(0, at);
    return [{ name, node: item, text: at < 0 ? null : item.text.slice(at + 1) }];
  });
}

/** Returns the value for `env:`, null to take the host's; undefined with a remark when it cannot be carried over. */
function valueFor(service: ComposeService, variable: Variable): YamlValue | undefined {
  const { remarks } = service.context;
  const { name, node, text } = variable;
  const key = keyOf(service, 'environment', name);
  if (text === null) return null;
  const found = fromComposeText(text);
  if (found.problem !== undefined) {
    remarks.left(node, key, `it contains ${found.problem}`);
    return undefined;
  }
  if (!isSecretVariable(name, found.literal)) return found.text;
  remarks.changed(node, key, secretRemark(name));
  return null;
}

/** Converts `environment`. */
export function convertEnvironment(service: ComposeService): YamlMap | undefined {
  const node = presentValue(service, 'environment');
  if (node === undefined) return undefined;
  const key = keyOf(service, 'environment');
  return convertVariables(service, node, key, (variable) => valueFor(service, variable));
}

function convertVariables(
  service: ComposeService,
  node: SourceNode,
  key: string,
  convert: (variable: Variable) => YamlValue | undefined,
): YamlMap | undefined {
  const entries = new Map<string, YamlEntry>();
  for (const variable of variablesOf(service, node, key)) {
    if (!isVariableName(variable.name) || !isShowableName(variable.name)) {
      const reason = 'a name is not that of a variable, or looks like a credential';
      service.context.remarks.left(variable.node, key, reason);
      continue;
    }
    const value = convert(variable);
    if (value !== undefined) entries.set(variable.name, { key: variable.name, value });
  }
  return entries.size === 0 ? undefined : { entries: [...entries.values()] };
}

const ARG_SECRET =
  'its value looks like a credential, which the image would keep: add secrets: NAME@host to the image, and RUN --mount=type=secret,id=NAME';

/** Converts `build.args`: a name without a value takes the host's, or nothing. */
export function convertBuildArgs(
  service: ComposeService,
  node: SourceNode,
  key: string,
): YamlMap | undefined {
  const { remarks } = service.context;
  return convertVariables(service, node, key, ({ name, node: at, text }) => {
    if (text === null) return `\${${name}:-}`;
    const found = fromComposeText(text);
    if (found.problem !== undefined)
      remarks.left(at, `${key}.${name}`, `it contains ${found.problem}`);
    else if (isSecretVariable(name, found.literal)) remarks.left(at, `${key}.${name}`, ARG_SECRET);
    else return found.text;
    return undefined;
  });
}

/** Converts an entry of `env_file`: a path, or a map with one. */
function envFile(service: ComposeService, node: SourceNode, key: string): YamlValue | undefined {
  const { remarks, access } = service.context;
  const pathNode = node.kind === 'map' ? getChild(node, 'path') : node;
  const required = getChild(node, 'required');
  const isOptional = required?.kind === 'scalar' && required.value === false;
  if (getChild(node, 'format') !== undefined) {
    remarks.left(node, `${key}.format`, 'env files have one format');
  }
  const path = pathNode === undefined ? null : plainTextOf(service, pathNode, key);
  if (path === null) return undefined;
  const { path: absolute, shown } = movePath(service.context, path);
  const kind = access.pathKind(absolute);
  if (kind !== 'file' && !(isOptional && kind === 'missing')) {
    remarks.left(node, key, 'the file does not exist: create it, then add it');
    return undefined;
  }
  const written = literalText(shown);
  if (!isOptional) return written;
  return yamlMap([
    ['path', written],
    ['required', false],
  ]);
}

/** Converts `env_file`: a path, or a list of paths and maps. */
export function convertEnvFile(service: ComposeService): YamlValue | undefined {
  const node = presentValue(service, 'env_file');
  if (node === undefined) return undefined;
  const items = node.kind === 'list' ? node.items : [node];
  const files = items.flatMap((item) => envFile(service, item, keyOf(service, 'env_file')) ?? []);
  return files.length === 0 ? undefined : files;
}
