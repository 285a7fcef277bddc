import { nearestName } from '../../util/nearest-name.ts';
import { orderByNeeds } from '../../util/order-by-needs.ts';
import type { StepConfig } from '../config.ts';
import { DEFAULT_STEP } from '../defaults.ts';
import { getChild, getItems, type ScalarNode, type SourceNode } from '../yaml/source-node.ts';
import {
  type CheckContext,
  isScalar,
  numberOr,
  readPlainKeys,
  report,
  shownText,
  textOr,
} from './check-context.ts';
import { resolveGuestPath } from './guest-path.ts';
import { readTimeout } from './quantities.ts';
import { readEnv } from './read-env.ts';
import { readInputs } from './read-inputs.ts';
import { readCommandOutputs, readEnvOutputs } from './read-outputs.ts';
import { toCommand } from './to-command.ts';

const MAX_NAME_LENGTH = 40;
/** Cycles reported for one sandbox. */
const MAX_CYCLES = 10;

interface Placed {
  readonly step: StepConfig;
  readonly node: SourceNode;
}

/**
 * Returns the name of a step without one: the first line of the command as the file spells it. That is the same whatever
 * value a variable has, and shows no value in a report.
 */
function defaultName(run: SourceNode | undefined): string {
  const text = run?.kind === 'list' ? run.items.map(shownText).join(' ') : shownText(run);
  const line = text.trim().split('\n')[0]?.trim() ?? '';
  return line.length > MAX_NAME_LENGTH ? `${line.slice(0, MAX_NAME_LENGTH - 1)}…` : line;
}

function readCwd(context: CheckContext, node: SourceNode | undefined, workspace: string): string {
  const text = textOr(node, '.');
  const cwd = resolveGuestPath(text, workspace);
  if (cwd !== null) return cwd;
  if (node !== undefined) {
    report(context, node, 'guest_path', `cwd "${shownText(node)}" leaves the workspace`);
  }
  return workspace;
}

function toWhen(node: SourceNode | undefined): StepConfig['when'] {
  const text = textOr(node, DEFAULT_STEP.when);
  return text === 'always' || text === 'on_failure' ? text : DEFAULT_STEP.when;
}

function readStep(context: CheckContext, node: SourceNode, workspace: string): StepConfig {
  const get = (key: string) => getChild(node, key);
  const run = node.kind === 'scalar' ? node : get('run');
  const own = readEnv(context, get('env'));
  const codes = getItems(get('success_exit_codes')).map((code) => numberOr(code, 0));
  return {
    name: textOr(get('name'), defaultName(run)),
    run: toCommand(run),
    ...readPlainKeys(node, DEFAULT_STEP),
    needs: getItems(get('needs')).map((need) => textOr(need, '')),
    when: toWhen(get('when')),
    timeoutMs: readTimeout(context, get('timeout')),
    env: own.env,
    runOutputs: readCommandOutputs(run),
    envOutputs: readEnvOutputs(get('env')),
    maskedEnv: own.masked,
    cwd: readCwd(context, get('cwd'), workspace),
    successExitCodes: codes.length === 0 ? DEFAULT_STEP.successExitCodes : codes,
    inputs: readInputs(context, get('inputs')),
  };
}

/** Reports names that are used twice. A step without a name gets one that no other step has. */
function checkNames(context: CheckContext, placed: readonly Placed[]): Placed[] {
  const taken = new Set<string>();
  for (const { step, node } of placed) {
    const named = getChild(node, 'name');
    if (named === undefined) continue;
    if (taken.has(step.name)) {
      const message = `step "${shownText(named)}": another step has this name`;
      report(context, named, 'duplicate_name', message);
    }
    taken.add(step.name);
  }
  return placed.map(({ step, node }, index) => {
    if (getChild(node, 'name') !== undefined) return { step, node };
    let { name } = step;
    for (let number = index + 1; taken.has(name); number++) name = `${step.name} #${number}`;
    taken.add(name);
    return { step: { ...step, name }, node };
  });
}

function checkNeeds(context: CheckContext, placed: readonly Placed[]): void {
  const names = placed.map(({ step }) => step.name);
  for (const { step, node } of placed) {
    const needs = getItems(getChild(node, 'needs')).filter((need): need is ScalarNode =>
      isScalar(need),
    );
    for (const need of needs.filter(({ text }) => !names.includes(text))) {
      const near = nearestName(need.text, names);
      const message = `step "${step.name}": needs an unknown step "${shownText(need)}"`;
      const hint = near === undefined ? undefined : `Did you mean "${near}"?`;
      report(context, need, 'unknown_need', message, hint);
    }
  }
  checkCycles(context, placed);
}

function checkCycles(context: CheckContext, placed: readonly Placed[]): void {
  let steps = placed.map(({ step }) => step);
  for (let reported = 0; reported < MAX_CYCLES; reported++) {
    const { cycle } = orderByNeeds(steps);
    if (cycle === undefined) return;
    const first = placed.find(({ step }) => step.name === cycle[0]);
    const where = getChild(first?.node, 'needs') ?? first?.node;
    if (where !== undefined) {
      report(context, where, 'need_cycle', `steps need each other: ${cycle.join(' -> ')}`);
    }
    // The remaining steps may contain another cycle.
    steps = steps.filter(({ name }) => !cycle.includes(name));
  }
}

/** Reads `steps:` of a sandbox, in file order. */
export function readSteps(
  context: CheckContext,
  node: SourceNode | undefined,
  workspace: string,
): StepConfig[] {
  const read = getItems(node)
    .filter((item) => item.kind !== 'list')
    .map((item) => ({ step: readStep(context, item, workspace), node: item }));
  const placed = checkNames(context, read);
  checkNeeds(context, placed);
  return placed.map(({ step }) => step);
}
