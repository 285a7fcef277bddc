import { posix } from 'node:path';
import type { SourceNode } from '../config/yaml/source-node.ts';
import { type ConvertContext, guestPathProblem, movePath } from './convert-context.ts';
import { memorySize } from './quantities.ts';
import { literalText, type YamlValue, yamlMap } from './yaml-writer.ts';

/** A volume of a foreign file. */
export interface ForeignVolume {
  /** Host path; null for memory. */
  readonly source: string | null;
  readonly target: string;
  readonly isReadonly: boolean;
  /** Capacity of memory, as the file spells it. */
  readonly size?: string;
}

/** The entries for `volumes:` of one sandbox, each at a guest path of its own. */
export class VolumeList {
  readonly #context: ConvertContext;
  readonly #targets = new Set<string>();
  readonly entries: YamlValue[] = [];

  constructor(context: ConvertContext) {
    this.#context = context;
  }

  /** Adds a volume, or notes why it is left out. Returns whether it was added. */
  add(node: SourceNode, key: string, volume: ForeignVolume): boolean {
    const problem = this.#problemOf(volume);
    if (problem !== null) {
      this.#context.remarks.left(node, key, problem);
      return false;
    }
    this.#targets.add(posix.normalize(volume.target).replace(/(?<=.)\/+$/, ''));
    this.entries.push(this.#entryOf(volume));
    return true;
  }

  #problemOf({ source, target }: ForeignVolume): string | null {
    const clean = posix.normalize(target).replace(/(?<=.)\/+$/, '');
    if (this.#targets.has(clean)) return 'another volume has this guest path';
    const problem = guestPathProblem(clean);
    if (problem !== null || source === null) return problem;
    if (source.startsWith('~')) return '~ is not expanded: write the path of the directory';
    const kind = this.#context.access.pathKind(movePath(this.#context, source).path);
    if (kind === 'missing') return 'the host path does not exist: create it, then add the volume';
    return kind === 'other' ? 'the host path is neither a directory nor a file' : null;
  }

  #entryOf({ source, target, isReadonly, size }: ForeignVolume): YamlValue {
    if (source === null) {
      const capacity = size === undefined ? null : memorySize(size);
      const sized = capacity === null ? undefined : capacity;
      return yamlMap([
        ['type', 'memory'],
        ['target', literalText(target)],
        ['size', sized],
      ]);
    }
    const { shown } = movePath(this.#context, source);
    if (!/[:]/.test(shown + target)) {
      return literalText(`${shown}:${target}${isReadonly ? ':ro' : ''}`);
    }
    return yamlMap([
      ['type', 'bind'],
      ['source', literalText(shown)],
      ['target', literalText(target)],
      ['read_only', isReadonly ? true : undefined],
    ]);
  }
}
