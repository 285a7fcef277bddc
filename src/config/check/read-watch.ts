import { dirname, resolve } from 'node:path';
import { nearestName } from '../../util/nearest-name.ts';
import type { WatchAction, WatchConfig, WatchRuleConfig } from '../config.ts';
import { DEFAULT_WATCH } from '../defaults.ts';
import { getChild, getItems, type SourceNode } from '../yaml/source-node.ts';
import { type CheckContext, report, shownText, textOr } from './check-context.ts';
import { readDuration } from './quantities.ts';

/** The parts of the sandbox that rules refer to. */
interface Watched {
  readonly stepNames: readonly string[];
  readonly hasService: boolean;
  /** Host paths of the trees that are copied in. */
  readonly copiedPaths: readonly string[];
}

const ACTIONS: readonly WatchAction[] = ['rerun', 'restart', 'rebuild', 'reload', 'sync'];

function readTexts(node: SourceNode | undefined): string[] {
  return getItems(node).map((item) => textOr(item, ''));
}

function readFrom(
  context: CheckContext,
  node: SourceNode | undefined,
  action: WatchAction,
  { stepNames }: Watched,
): string | null {
  if (node === undefined) return null;
  const name = textOr(node, '');
  if (action !== 'rerun') {
    report(context, node, 'bad_value', `from: only \`action: rerun\` has one, not ${action}`);
    return null;
  }
  if (stepNames.includes(name)) return name;
  const near = nearestName(name, stepNames);
  const hint = near === undefined ? undefined : `Did you mean "${near}"?`;
  report(context, node, 'unknown_need', `from: unknown step "${shownText(node)}"`, hint);
  return null;
}

/** Reports an action that the sandbox has nothing for. */
function checkAction(
  context: CheckContext,
  node: SourceNode | undefined,
  path: string,
  { hasService, copiedPaths }: Watched,
): void {
  const action = textOr(node, 'rerun');
  if (node === undefined || (action !== 'restart' && action !== 'sync')) return;
  if (!hasService) {
    report(context, node, 'needs_run', `action: ${action}: the sandbox has no service`);
  }
  const overlaps = (other: string) =>
    path === other || path.startsWith(`${other}/`) || other.startsWith(`${path}/`);
  if (action === 'sync' && !copiedPaths.some(overlaps)) {
    const hint = 'Add the directory as {type: copy, source, target}, or use `action: restart`.';
    report(context, node, 'bad_value', 'action: sync: no volume of type copy has this path', hint);
  }
}

function readRule(context: CheckContext, node: SourceNode, watched: Watched): WatchRuleConfig {
  const get = (key: string) => getChild(node, key);
  const action = ACTIONS.find((known) => known === textOr(get('action'), 'rerun')) ?? 'rerun';
  const path = resolve(dirname(node.span.file.path), textOr(get('path'), '.'));
  checkAction(context, get('action'), path, watched);
  return {
    path,
    ignore: readTexts(get('ignore')),
    action,
    from: readFrom(context, get('from'), action, watched),
  };
}

/**
 * Reads `watch:` of a sandbox.
 * @param sandbox  Its node; without `watch:`, the base of paths is the directory of its file.
 */
export function readWatch(
  context: CheckContext,
  sandbox: SourceNode,
  watched: Watched,
): WatchConfig {
  const node = getChild(sandbox, 'watch');
  const get = (key: string) => getChild(node, key);
  return {
    debounceMs: readDuration(context, get('debounce'), {
      key: 'watch.debounce',
      fallbackMs: DEFAULT_WATCH.debounceMs,
    }),
    whileRunning: textOr(get('while_running'), 'cancel') === 'queue' ? 'queue' : 'cancel',
    ignore: readTexts(get('ignore')),
    directory: dirname((get('ignore') ?? node ?? sandbox).span.file.path),
    rules: getItems(get('rules'))
      .filter((item) => item.kind === 'map')
      .map((item) => readRule(context, item, watched)),
  };
}
