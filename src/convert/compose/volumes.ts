import { getChild, type SourceNode } from '../../config/yaml/source-node.ts';
import { VolumeList } from '../volume-list.ts';
import type { YamlValue } from '../yaml-writer.ts';
import { type ComposeService, keyOf, plainTextOf, presentValue } from './compose-service.ts';

const MEMORY_REMARK =
  'a named volume becomes memory of the guest, lost when its VM ends: to keep it, write a host directory';

function isHostPath(source: string): boolean {
  return /^(?:[./~])/.test(source);
}

function addShort(service: ComposeService, list: VolumeList, node: SourceNode, text: string) {
  const { remarks } = service.context;
  const key = keyOf(service, 'volumes');
  const [first = '', second, options = ''] = text.split(':');
  const isReadonly = options.split(',').includes('ro');
  if (second === undefined) {
    const added = list.add(node, key, { source: null, target: first, isReadonly: false });
    if (added) remarks.changed(node, key, 'it becomes memory of the guest');
    return;
  }
  const source = isHostPath(first) ? first : null;
  const volume = { source, target: second, isReadonly: source !== null && isReadonly };
  if (list.add(node, key, volume) && source === null) remarks.left(node, key, MEMORY_REMARK);
}

function addLong(service: ComposeService, list: VolumeList, node: SourceNode) {
  const { remarks } = service.context;
  const key = keyOf(service, 'volumes');
  const read = (name: string) => {
    const child = getChild(node, name);
    return child === undefined ? '' : plainTextOf(service, child, `${key}.${name}`);
  };
  const [type, source, target] = [read('type'), read('source'), read('target')];
  if (type === null || source === null || !target) return;
  const isReadonly = read('read_only') === 'true';
  if (type === 'bind') {
    list.add(node, key, { source, target, isReadonly });
  } else if (type === 'tmpfs' || type === 'volume') {
    const size = getChild(getChild(node, 'tmpfs'), 'size');
    const sized = size?.kind === 'scalar' ? { size: size.text } : {};
    const added = list.add(node, key, { source: null, target, isReadonly: false, ...sized });
    if (added && type === 'volume' && source !== '') remarks.left(node, key, MEMORY_REMARK);
  } else remarks.left(node, key, 'volumes have no such type');
}

function addTmpfs(service: ComposeService, list: VolumeList) {
  const node = presentValue(service, 'tmpfs');
  const key = keyOf(service, 'tmpfs');
  for (const item of node === undefined ? [] : node.kind === 'list' ? node.items : [node]) {
    const text = plainTextOf(service, item, key);
    const [target = '', options = ''] = text?.split(':') ?? [];
    const size = /(?:^|,)size=(\w+)/.exec(options)?.[1];
    const sized = size === undefined ? {} : { size };
    if (text !== null) list.add(item, key, { source: null, target, isReadonly: false, ...sized });
  }
}

/** Converts `volumes` and `tmpfs`. */
export function convertVolumes(service: ComposeService): readonly YamlValue[] | undefined {
  const list = new VolumeList(service.context);
  const node = presentValue(service, 'volumes');
  for (const item of node === undefined ? [] : node.kind === 'list' ? node.items : [node]) {
    if (item.kind === 'map') {
      addLong(service, list, item);
      continue;
    }
    const text = plainTextOf(service, item, keyOf(service, 'volumes'));
    if (text !== null) addShort(service, list, item, text);
  }
  addTmpfs(service, list);
  return list.entries.length === 0 ? undefined : list.entries;
}
