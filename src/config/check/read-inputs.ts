import { dirname, resolve } from 'node:path';
import { mayBeGlob } from '../../util/glob-text.ts';
import type { StepInput } from '../config.ts';
import { getItems, type SourceNode, startPlace } from '../yaml/source-node.ts';
import { type CheckContext, isScalar, report } from './check-context.ts';

/** `inputs:` of a step, in the order of the file. Plain paths must exist; globs are looked at when a run starts. */
export function readInputs(context: CheckContext, node: SourceNode | undefined): StepInput[] {
  return getItems(node)
    .filter(isScalar)
    .map((item) => {
      const directory = dirname(item.span.file.path);
      if (!mayBeGlob(item.text)) {
        const path = resolve(directory, item.text);
        const kind = context.access.pathKind(path);
        if (kind === 'missing') report(context, item, 'path_missing', `input: nothing at ${path}`);
        if (kind === 'other') {
          report(context, item, 'path_kind', `input: no directory and no file: ${path}`);
        }
      }
      return { pattern: item.text, directory, at: startPlace(item.span) };
    });
}
