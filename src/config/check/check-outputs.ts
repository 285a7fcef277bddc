import { nearestName } from '../../util/nearest-name.ts';
import { orderByNeeds } from '../../util/order-by-needs.ts';
import type { CommandOutputs, EnvOutputs, SandboxConfig } from '../config.ts';
import type { OutputReference, TextParts } from '../yaml/output-reference.ts';
import type { ScalarNode, SourceNode, Span } from '../yaml/source-node.ts';
import { type CheckContext, report } from './check-context.ts';

/** A sandbox and its map in the file, with `defaults:` merged under it. */
interface Placed {
  readonly sandbox: SandboxConfig;
  readonly node: SourceNode;
}

/** Where a value stands: the number of a step, `env` of the sandbox, or its service, which starts after the steps. */
type Place = number | 'env' | 'service';

/** The sandbox that a reference means, or what is wrong with it. */
type Found = { readonly sandbox: string } | { readonly problem: string; readonly hint?: string };

const STEP_VALUE = /^steps\.(\d+)(?:$|\.run(?:\.|$)|\.env\.)/;

function placeOf(path: string): Place | null {
  const step = STEP_VALUE.exec(path)?.[1];
  if (step !== undefined) return Number(step);
  if (path.startsWith('env.')) return 'env';
  return /^(?:run|healthcheck\.test)(?:\.|$)/.test(path) ? 'service' : null;
}

/** Yields every text with outputs in it, and the path of its keys. */
function* textsWithOutputs(
  node: SourceNode,
  path: readonly string[],
): Generator<[ScalarNode, string]> {
  if (node.kind === 'scalar') {
    if (node.parts !== undefined) yield [node, path.join('.')];
    return;
  }
  const children: (readonly [string, SourceNode])[] =
    node.kind === 'list'
      ? node.items.map((item, index) => [String(index), item])
      : [...node.entries].map(([key, { value }]) => [key, value]);
  for (const [key, child] of children) yield* textsWithOutputs(child, [...path, key]);
}

/** The place of a reference in its text, as far as the file spells it the same way. */
function spanOf({ span }: ScalarNode, { text }: OutputReference): Span {
  const at = span.file.text.indexOf(text, span.start);
  return at < 0 || at >= span.end ? span : { ...span, start: at, end: at + text.length };
}

/** The dependencies of a sandbox that have the step. */
function dependenciesWith(
  { dependsOn }: SandboxConfig,
  step: string,
  byName: ReadonlyMap<string, SandboxConfig>,
): string[] {
  const names = dependsOn.map(({ name }) => name);
  return names.filter((name) => byName.get(name)?.steps.some((one) => one.name === step));
}

function hasStep({ steps }: SandboxConfig, name: string): boolean {
  return steps.some((step) => step.name === name);
}

/** Finds the sandbox of a reference that names none; null if none has the step. */
function findUnnamed(
  own: SandboxConfig,
  step: string,
  byName: ReadonlyMap<string, SandboxConfig>,
): Found | null {
  if (hasStep(own, step)) return { sandbox: own.name };
  const [first, second] = dependenciesWith(own, step, byName);
  if (first === undefined) return null;
  if (second === undefined) return { sandbox: first };
  const hint = `Write \${sandboxes.${first}.steps.…}, for example.`;
  return { problem: `several sandboxes that it depends on have a step "${step}"`, hint };
}

/** Finds the sandbox of a reference: the one that it names, else its own, else the only dependency with such a step. */
function findSandbox(
  own: SandboxConfig,
  { sandbox, step, text }: OutputReference,
  byName: ReadonlyMap<string, SandboxConfig>,
): Found {
  if (sandbox === null) {
    const found = findUnnamed(own, step, byName);
    if (found !== null) return found;
  } else if (sandbox !== own.name && !own.dependsOn.some(({ name }) => name === sandbox)) {
    const known = byName.has(sandbox);
    const hint = known
      ? `Add ${sandbox} to its depends_on.`
      : 'Write the name of another sandbox of this project.';
    return { problem: `sandbox "${own.name}" does not depend on "${sandbox}"`, hint };
  }
  const target = byName.get(sandbox ?? own.name);
  if (sandbox !== null && target !== undefined && hasStep(target, step)) return { sandbox };
  const near = nearestName(step, target?.steps.map(({ name }) => name) ?? []);
  const problem = `${text}: no step "${step}"${sandbox === null ? '' : ` in sandbox "${sandbox}"`}`;
  return near === undefined ? { problem } : { problem, hint: `Did you mean "${near}"?` };
}

/** Says why the value is not known where it is used; null if it is. */
function whyUnknown(
  own: SandboxConfig,
  target: SandboxConfig | undefined,
  { step }: OutputReference,
  place: Place,
): string | null {
  if (target !== undefined && target.name !== own.name) {
    const condition = own.dependsOn.find(({ name }) => name === target.name)?.condition;
    const isOver = target.service !== null || condition === 'completed';
    return isOver ? null : `${target.name} may not have ended: it needs \`condition: completed\``;
  }
  if (place === 'env') return `${step} runs when the variables of the sandbox are set already`;
  if (place === 'service') return null;
  const order = orderByNeeds(own.steps).order?.map(({ name }) => name) ?? [];
  const user = own.steps[place]?.name ?? '';
  // A cycle of needs has been reported.
  if (order.length === 0 || order.indexOf(step) < order.indexOf(user)) return null;
  return `step "${step}" does not run before "${user}"`;
}

function checkReference(
  context: CheckContext,
  { sandbox, path }: { readonly sandbox: SandboxConfig; readonly path: string },
  { where, reference }: { readonly where: { span: Span }; readonly reference: OutputReference },
  byName: ReadonlyMap<string, SandboxConfig>,
): void {
  const place = placeOf(path);
  if (place === null) {
    report(context, where, 'output_place', `${path}: ${reference.text} cannot stand here`);
    return;
  }
  const found = findSandbox(sandbox, reference, byName);
  if ('problem' in found) {
    report(context, where, 'unknown_output', found.problem, found.hint);
    return;
  }
  const problem = whyUnknown(sandbox, byName.get(found.sandbox), reference, place);
  if (problem !== null) report(context, where, 'output_place', `${reference.text}: ${problem}`);
}

function checkSandbox(
  context: CheckContext,
  { sandbox, node }: Placed,
  byName: ReadonlyMap<string, SandboxConfig>,
): void {
  for (const [text, path] of textsWithOutputs(node, [])) {
    for (const reference of text.parts ?? []) {
      if (typeof reference === 'string') continue;
      const where = { span: spanOf(text, reference) };
      checkReference(context, { sandbox, path }, { where, reference }, byName);
    }
  }
}

/** Fills in the sandbox of each reference. */
function withSandboxes(
  own: SandboxConfig,
  byName: ReadonlyMap<string, SandboxConfig>,
): SandboxConfig {
  const fill = (part: TextParts[number]) => {
    if (typeof part === 'string') return part;
    const found = findSandbox(own, part, byName);
    return { ...part, sandbox: 'sandbox' in found ? found.sandbox : own.name };
  };
  const texts = (parts: TextParts) => parts.map(fill);
  const command = (outputs: CommandOutputs | null) => outputs?.map(texts) ?? null;
  const variables = (outputs: EnvOutputs) =>
    Object.fromEntries(Object.entries(outputs).map(([name, parts]) => [name, texts(parts)]));
  const { service, steps, envOutputs } = own;
  const check = service?.healthcheck ?? null;
  return {
    ...own,
    envOutputs: variables(envOutputs),
    steps: steps.map((step) => ({
      ...step,
      runOutputs: command(step.runOutputs),
      envOutputs: variables(step.envOutputs),
    })),
    service: service && {
      ...service,
      runOutputs: command(service.runOutputs),
      healthcheck: check && { ...check, testOutputs: command(check.testOutputs) },
    },
  };
}

/**
 * Checks the outputs of steps that each sandbox uses, and returns the sandboxes with the sandbox of each reference filled in. They
 * stand only in what a guest runs, never in what it may do: a guest writes them.
 * @param placed  Sandboxes with their dependencies.
 */
export function checkOutputs(context: CheckContext, placed: readonly Placed[]): SandboxConfig[] {
  const byName = new Map(placed.map(({ sandbox }) => [sandbox.name, sandbox]));
  for (const one of placed) checkSandbox(context, one, byName);
  return placed.map(({ sandbox }) => withSandboxes(sandbox, byName));
}
