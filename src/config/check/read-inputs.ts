import { dirname, resolve } from 'node:path';
import { mayBeGlob } from '../../util/glob-text.ts';
import type { StepInput } from '../config.ts';
import { getItems, type SourceNode, startPlace } from '../yaml/source-node.ts';
import { type CheckContext, isScalar, report } from './check-context.ts';

/** Reads `inputs:` of a step, in file order. Plain paths must exist; globs are expanded when a run starts. */
export function readInputs(context: CheckContext, node: SourceNode | undefined): StepInput[] {
  return getItems(node)
    .filter(isScalar)
    .map((item) => {
      const directory = dirname(item.span.file.path);
      if (!mayBeGlob(item.text)) {
        const path = resolve(directory, item.text);
        const kind = context.access.pathKind(path);
        if (kind === 'missing')
          report(context, item, 'path_missing', `input: path does not exist: ${path}`);
        if (kind === 'other') {
          report(context, item, 'path_kind', `input: neither a directory nor a file: ${path}`);
        }
      }
      return { pattern: item.text, directory, at: startPlace(item.span) };
    });
}
