import { getItems, type SourceNode } from '../yaml/source-node.ts';
import { type CheckContext, isScalar, report, shownText } from './check-context.ts';

/** Reads a list of patterns of guest files, relative to the workspace or absolute. */
export function readGuestPatterns(
  context: CheckContext,
  node: SourceNode | undefined,
  key: string,
): string[] {
  return getItems(node)
    .filter(isScalar)
    .map((item) => {
      // Their names below the workspace are the names on the host.
      if (item.text.split('/').includes('..') || item.text.includes('\0')) {
        const message = `${key}: "${shownText(item)}" leaves its directory: it contains ".."`;
        report(context, item, 'guest_path', message);
      }
      return item.text;
    });
}
