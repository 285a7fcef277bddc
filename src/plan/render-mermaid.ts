import { commandText } from './command-text.ts';
import type { Plan, SandboxPlan, StepPlan } from './plan.ts';
import type { CacheNote } from './render-plan.ts';

/** Longest name or command in a label, in code points. */
const MAX_LABEL_CHARACTERS = 60;
/** Characters that mean nothing to Mermaid, HTML or Markdown inside a quoted label. */
const PLAIN_CHARACTER = /[A-Za-z0-9 _:,./-]/;
/** `1. ` and `- ` at the start would make a Markdown list of the label. */
const LIST_MARK = /^(?:\d+\.|-)/;

function entity(character: string): string {
  return `#${character.codePointAt(0)};`;
}

/** Returns untrusted text for a quoted label: one line, every character that could be markup as `#CODE;`. */
function labelText(text: string): string {
  const characters = [...text.replaceAll(/[\p{Cc}\p{Cs}\s]+/gu, ' ').trim()];
  const isCut = characters.length > MAX_LABEL_CHARACTERS;
  const kept = isCut ? [...characters.slice(0, MAX_LABEL_CHARACTERS - 1), '…'] : characters;
  const listEnd = LIST_MARK.exec(kept.join(''))?.[0].length ?? 0;
  return kept
    .map((one, at) => (PLAIN_CHARACTER.test(one) && at !== listEnd - 1 ? one : entity(one)))
    .join('');
}

function stepLabel(step: StepPlan, note: string | null): string {
  const command = commandText(step.command);
  const when = step.when === 'on_success' ? '' : `when ${step.when}`;
  const lines = [step.name, command === step.name ? '' : command, when, note ?? ''];
  return lines
    .filter((line) => line !== '')
    .map(labelText)
    .join('<br/>');
}

/** Returns the arrows into step `at`: solid ones for its needs, else a dotted one from the step before it. */
function stepEdges(sandbox: SandboxPlan, id: string, at: number): string[] {
  const step = sandbox.steps[at];
  const needed = (step?.needs ?? [])
    .map((name) => sandbox.steps.findIndex((other) => other.name === name))
    .filter((index) => index >= 0);
  if (needed.length > 0) return needed.map((index) => `    ${id}_${index} --> ${id}_${at}`);
  return at === 0 ? [] : [`    ${id}_${at - 1} -.-> ${id}_${at}`];
}

function sandboxLines(sandbox: SandboxPlan, id: string, note: CacheNote): string[] {
  const { name, image, steps } = sandbox;
  const nodes = steps.flatMap((step, at) => {
    const text = note(name, at);
    const isCached = text !== null && /^cached\b/.test(text);
    const node = `    ${id}_${at}["${stepLabel(step, text)}"]${isCached ? ':::cached' : ''}`;
    return [node, ...stepEdges(sandbox, id, at)];
  });
  const last = steps.length === 0 ? '' : `${id}_${steps.length - 1} -.-> `;
  const run =
    sandbox.service === null
      ? []
      : [`    ${last}${id}_run(["run<br/>${labelText(commandText(sandbox.service.command))}"])`];
  const none = steps.length + run.length === 0 ? [`    ${id}_none["no steps"]`] : [];
  return [
    `  subgraph ${id}["${labelText(name)} (${labelText(image.name)})"]`,
    ...nodes,
    ...run,
    ...none,
    '  end',
  ];
}

/** Returns a thick arrow from each sandbox that another depends on, with the state that it waits for. */
function dependencyEdges({ sandboxes }: Plan): string[] {
  return sandboxes.flatMap(({ dependsOn }, at) =>
    dependsOn.flatMap(({ name, condition }) => {
      const other = sandboxes.findIndex((sandbox) => sandbox.name === name);
      return other < 0 ? [] : [`  s${other} ==>|${condition}| s${at}`];
    }),
  );
}

/**
 * Renders a plan as a Mermaid flowchart: a box for each sandbox, an arrow for each `needs`, a dotted arrow where a step only runs
 * after the one before it, a thick one for each `depends_on`. Names and commands cannot add markup. It contains no values of variables.
 */
export function renderMermaid(plan: Plan, note: CacheNote = () => null): string {
  return [
    'flowchart TD',
    ...plan.sandboxes.flatMap((sandbox, at) => sandboxLines(sandbox, `s${at}`, note)),
    ...dependencyEdges(plan),
    '  classDef cached stroke-dasharray: 4 3,opacity:0.7',
  ].join('\n');
}
