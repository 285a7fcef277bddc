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
}

const ACTIONS: readonly WatchAction[] = ['rerun', 'restart', 'rebuild', 'reload'];

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

function readRule(context: CheckContext, node: SourceNode, watched: Watched): WatchRuleConfig {
  const get = (key: string) => getChild(node, key);
  const action = ACTIONS.find((known) => known === textOr(get('action'), 'rerun')) ?? 'rerun';
  const actionNode = get('action');
  if (action === 'restart' && !watched.hasService && actionNode !== undefined) {
    report(context, actionNode, 'needs_run', 'action: restart: the sandbox has no service');
  }
  return {
    path: resolve(dirname(node.span.file.path), textOr(get('path'), '.')),
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
