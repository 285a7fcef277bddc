import { nearestName } from '../../util/nearest-name.ts';
import { orderByNeeds } from '../../util/order-by-needs.ts';
import type { DependencyCondition, DependencyConfig, SandboxConfig } from '../config.ts';
import { getChild, getEntries, getItems, type SourceNode, type Span } from '../yaml/source-node.ts';
import { type CheckContext, report, shownText, textOr } from './check-context.ts';

/** Cycles reported for one project. */
const MAX_CYCLES = 10;

/** A sandbox and its map in the file, with `defaults:` merged under it. */
interface Placed {
  readonly sandbox: SandboxConfig;
  readonly node: SourceNode;
}

/** One entry of `depends_on:`, short or long. */
interface Entry {
  readonly name: string;
  readonly shown: string;
  readonly span: Span;
  /** null for the short form. */
  readonly condition: SourceNode | null;
}

function entriesOf(node: SourceNode | undefined): Entry[] {
  const short = getItems(node).map((item) => {
    const shown = shownText(item);
    return { name: textOr(item, ''), shown, span: item.span, condition: null };
  });
  const long = [...getEntries(node)].map(([name, { value, keySpan }]) => {
    return { name, shown: name, span: keySpan, condition: getChild(value, 'condition') ?? null };
  });
  return [...short, ...long];
}

/** The state that is waited for unless the file says another: a sandbox without `run:` is worth nothing before its end. */
function usualCondition(target: SandboxConfig): DependencyCondition {
  return target.service === null ? 'completed' : 'started';
}

function readCondition(
  context: CheckContext,
  { name, condition }: Entry,
  target: SandboxConfig,
): DependencyCondition {
  const text = textOr(condition ?? undefined, usualCondition(target));
  if (text === 'started' || text === 'completed') return text;
  if (text !== 'healthy') return usualCondition(target);
  if (target.service === null && condition !== null) {
    const message = `depends_on: ${name} has no run:, so it never gets healthy`;
    report(context, condition, 'bad_value', message, 'Write `condition: completed`.');
  }
  return text;
}

function readEntries(
  context: CheckContext,
  { sandbox, node }: Placed,
  all: readonly Placed[],
): DependencyConfig[] {
  const others = all.map((one) => one.sandbox).filter(({ name }) => name !== sandbox.name);
  return entriesOf(getChild(node, 'depends_on')).flatMap((entry) => {
    // The name of a matrix means each of its cells.
    const targets = others.filter(({ name, matrixOf }) => [name, matrixOf].includes(entry.name));
    if (targets.length > 0) {
      return targets.map((target) => {
        return { name: target.name, condition: readCondition(context, entry, target) };
      });
    }
    const isItself = entry.name === sandbox.name;
    const known = others.flatMap(({ name, matrixOf }) => [name, matrixOf ?? name]);
    const near = nearestName(entry.name, new Set(known));
    const message = isItself
      ? `sandbox "${sandbox.name}": depends on itself`
      : `sandbox "${sandbox.name}": depends on an unknown sandbox "${entry.shown}"`;
    const code = isItself ? 'dependency_cycle' : 'unknown_dependency';
    const hint = isItself || near === undefined ? undefined : `Did you mean "${near}"?`;
    report(context, { span: entry.span }, code, message, hint);
    return [];
  });
}

function checkCycles(context: CheckContext, placed: readonly Placed[]): void {
  let waiting = placed.map(({ sandbox }) => {
    return { name: sandbox.name, needs: sandbox.dependsOn.map(({ name }) => name) };
  });
  for (let reported = 0; reported < MAX_CYCLES; reported++) {
    const { cycle } = orderByNeeds(waiting);
    if (cycle === undefined) return;
    const first = placed.find(({ sandbox }) => sandbox.name === cycle[0]);
    const where = getChild(first?.node, 'depends_on');
    if (where !== undefined) {
      const message = `sandboxes depend on each other: ${cycle.join(' -> ')}`;
      report(context, where, 'dependency_cycle', message);
    }
    // The remaining sandboxes may contain another cycle.
    waiting = waiting.filter(({ name }) => !cycle.includes(name));
  }
}

/** Reads `depends_on:` of every sandbox, and returns the sandboxes with it. */
export function readDependencies(
  context: CheckContext,
  placed: readonly Placed[],
): SandboxConfig[] {
  const read = placed.map(({ sandbox, node }) => ({
    sandbox: { ...sandbox, dependsOn: readEntries(context, { sandbox, node }, placed) },
    node,
  }));
  checkCycles(context, read);
  return read.map(({ sandbox }) => sandbox);
}
