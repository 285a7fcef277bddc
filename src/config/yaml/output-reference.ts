/** A value that a step writes while the project runs: `${steps.build.outputs.version}` in a value of the project file. */
export interface OutputReference {
  /** As the project file spells it, for messages. */
  readonly text: string;
  /** The sandbox of the step. null in a value that was not checked yet: the sandbox that contains the value, or one that it depends on. */
  readonly sandbox: string | null;
  readonly step: string;
  /** Name of the output. */
  readonly output: string;
  readonly operator: '' | Operator;
  /** The text after the operator, with its variables substituted. */
  readonly operand: string;
}

/** A text in parts: what is known, and what steps are to write. */
export type TextParts = readonly (string | OutputReference)[];

/** Compose's operators, between a name and the operand. Longest first. */
const OPERATORS = [':-', ':?', ':+', '-', '?', '+'] as const;

export type Operator = (typeof OPERATORS)[number];

/** A variable of the host, or a value of the project: `args.NAME`, `matrix.NAME`. */
const NAME = /^(?:(?:args|matrix)\.)?[A-Za-z_][A-Za-z0-9_]*/;

/** An output, with the names that a sandbox, a step and a variable may have. */
const OUTPUT =
  /^(?:sandboxes\.([a-z0-9][a-z0-9_-]*)\.)?steps\.([A-Za-z0-9][A-Za-z0-9 _.:/-]*?)\.outputs\.([A-Za-z_][A-Za-z0-9_]*)/;

/** The content of `${…}`. */
export interface Reference {
  readonly name: string;
  /** The output that it names; null for a variable or a value of the project. */
  readonly output: Pick<OutputReference, 'sandbox' | 'step' | 'output'> | null;
  readonly operator: '' | Operator;
  readonly operand: string;
}

/** Reads a reference such as `${NAME:-other}`; null if it has another form. */
export function readReference(text: string): Reference | null {
  const inner = text.slice(2, -1);
  const found = OUTPUT.exec(inner);
  const name = (found ?? NAME.exec(inner))?.[0] ?? '';
  const rest = inner.slice(name.length);
  const operator = OPERATORS.find((candidate) => rest.startsWith(candidate)) ?? '';
  if (name === '' || (operator === '' && rest !== '')) return null;
  const [, sandbox = null, step = '', output = ''] = found ?? [];
  return {
    name,
    output: found === null ? null : { sandbox, step, output },
    operator,
    operand: rest.slice(operator.length),
  };
}

/** Returns the index just after the `}` that closes the `${` at `start`, or -1. Nested `${…}` in a default are counted. */
export function endOfReference(text: string, start: number): number {
  let depth = 0;
  for (let index = start; index < text.length; index++) {
    if (text.startsWith('${', index)) {
      depth++;
      index++;
    } else if (text[index] === '}') {
      depth--;
      if (depth === 0) return index + 1;
    }
  }
  return -1;
}

/** Returns the parts as the project file spells them. */
export function spellParts(parts: TextParts): string {
  return parts.map((part) => (typeof part === 'string' ? part : part.text)).join('');
}

/** True if a text has outputs in it. */
export function hasOutputs(parts: TextParts): boolean {
  return parts.some((part) => typeof part !== 'string');
}

/** Joins neighbouring texts, so that equal texts have equal parts. */
export function joinTexts(parts: TextParts): TextParts {
  const joined: (string | OutputReference)[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (typeof part === 'string' && typeof last === 'string')
      joined[joined.length - 1] = last + part;
    else if (part !== '') joined.push(part);
  }
  return joined;
}
