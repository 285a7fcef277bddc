import { getItems, type SourceNode } from '../yaml/source-node.ts';
import { type CheckContext, isScalar, report, shownText } from './check-context.ts';

/** Reads a pattern of guest files, or a list of them, relative to the workspace or absolute. */
export function readGuestPatterns(
  context: CheckContext,
  node: SourceNode | undefined,
  key: string,
): string[] {
  const items = node !== undefined && isScalar(node) ? [node] : getItems(node);
  return items.filter(isScalar).map((item) => {
    // Their names below the workspace are the names on the host.
    if (item.text.split('/').includes('..') || item.text.includes('\0')) {
      const message = `${key}: "${shownText(item)}" leaves its directory: it contains ".."`;
      report(context, item, 'guest_path', message);
    }
    return item.text;
  });
}
