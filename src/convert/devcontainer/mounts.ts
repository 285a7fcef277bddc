import { getChild, type MapNode, type SourceNode } from '../../config/yaml/source-node.ts';
import { VolumeList } from '../volume-list.ts';
import type { YamlValue } from '../yaml-writer.ts';
import type { Devcontainer } from './convert-devcontainer.ts';

interface MountFields {
  readonly type: string;
  readonly source: string;
  readonly target: string;
  readonly isReadonly: boolean;
}

/** Reads `source=…,target=…,type=bind,readonly`. */
function readText(text: string): MountFields {
  const fields = new Map(
    text.split(',').map((part) => {
      const at = part.indexOf('=');
      return at < 0 ? [part.trim(), 'true'] : [part.slice(0, at).trim(), part.slice(at + 1)];
    }),
  );
  const get = (...names: string[]) => names.map((name) => fields.get(name)).find(Boolean) ?? '';
  return {
    type: get('type') || 'volume',
    source: get('source', 'src'),
    target: get('target', 'destination', 'dst'),
    isReadonly: get('readonly', 'ro') === 'true',
  };
}

/** The text of a mount, with the map form written as the text form. */
function mountText(file: Devcontainer, node: SourceNode): string | null {
  if (node.kind !== 'map') return file.readPlain(node, 'mounts');
  const parts = ['type', 'source', 'target'].map((name) => {
    const child = getChild(node, name);
    const text = child === undefined ? '' : file.readPlain(child, `mounts.${name}`);
    return text === null || text.includes(',') ? null : `${name}=${text}`;
  });
  return parts.includes(null) ? null : parts.join(',');
}

function addMount(file: Devcontainer, list: VolumeList, node: SourceNode) {
  const { remarks } = file.context;
  const text = mountText(file, node);
  if (text === null) return;
  const { type, source, target, isReadonly } = readText(text);
  if (type === 'bind') {
    if (source === '') remarks.left(node, 'mounts', 'a bind mount needs a source');
    else list.add(node, 'mounts', { source, target, isReadonly });
    return;
  }
  const added = list.add(node, 'mounts', { source: null, target, isReadonly: false });
  if (added && type !== 'tmpfs') {
    const reason = 'a named volume becomes memory of the guest, lost when its VM ends';
    remarks.left(node, 'mounts', reason);
  }
}

/** Converts `mounts`, after the repository itself. */
export function convertMounts(file: Devcontainer, tree: MapNode): readonly YamlValue[] {
  const list = new VolumeList(file.context);
  list.add(tree, 'workspaceFolder', {
    source: '.',
    target: file.places.workspace,
    isReadonly: false,
  });
  const mounts = tree.entries.get('mounts')?.value;
  for (const item of mounts?.kind === 'list' ? mounts.items : []) addMount(file, list, item);
  return list.entries;
}
