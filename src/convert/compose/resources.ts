import { getChild, type SourceNode } from '../../config/yaml/source-node.ts';
import { cpuCount, memorySize } from '../quantities.ts';
import { type YamlMap, yamlMap } from '../yaml-writer.ts';
import { type ComposeService, keyOf, plainTextOf, presentValue } from './compose-service.ts';

function carried<T>(
  service: ComposeService,
  node: SourceNode | undefined,
  key: string,
  read: (text: string) => T | null,
): T | undefined {
  if (node === undefined) return undefined;
  const text = plainTextOf(service, node, key);
  if (text === null) return undefined;
  const value = read(text);
  if (value !== null) return value;
  service.context.remarks.left(node, key, 'it is not a size or number in the range of a VM');
  return undefined;
}

/** Converts `mem_limit`, `cpus` and `deploy.resources.limits`; notes what else is in `deploy`. */
export function convertResources(service: ComposeService): YamlMap | undefined {
  const { remarks } = service.context;
  const deploy = presentValue(service, 'deploy');
  const resources = getChild(deploy, 'resources');
  const limits = getChild(resources, 'limits');
  for (const [path, node, own] of [
    ['deploy', deploy, ['resources']],
    ['deploy.resources', resources, ['limits']],
    ['deploy.resources.limits', limits, ['cpus', 'memory']],
  ] as const) {
    for (const [name, entry] of node?.kind === 'map' ? node.entries : []) {
      if ((own as readonly string[]).includes(name)) continue;
      remarks.leftKey(entry, keyOf(service, path, name), 'a sandbox is one VM with a fixed size');
    }
  }
  const memoryNode = getChild(limits, 'memory') ?? presentValue(service, 'mem_limit');
  const cpusNode = getChild(limits, 'cpus') ?? presentValue(service, 'cpus');
  const cpus = carried(service, cpusNode, keyOf(service, 'cpus'), cpuCount);
  const memory = carried(service, memoryNode, keyOf(service, 'mem_limit'), memorySize);
  if (cpusNode?.kind === 'scalar' && cpus !== undefined && cpusNode.text !== String(cpus)) {
    remarks.changed(cpusNode, keyOf(service, 'cpus'), `a VM has whole processors: ${cpus}`);
  }
  if (cpus === undefined && memory === undefined) return undefined;
  return yamlMap([
    ['cpus', cpus],
    ['memory', memory],
  ]);
}
