import type { OutputReference, TextParts } from '../../config/yaml/output-reference.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type { StepOutputs } from './parse-outputs.ts';

/** Returns the outputs of the step that a reference names; null if it has not run. */
export type OutputsOf = (reference: OutputReference) => StepOutputs | null;

/** The use of a text: a script is read by a shell, a variable or a word of a list is not. */
export type TextUse = 'script' | 'plain';

/** Characters that no shell interprets, wherever they stand. */
const HARMLESS = /^[A-Za-z0-9_@%+=:,./-]*$/;

/** The error of a reference to an output that there is not. @param outputs  Those of its step; null if it has not run. */
function missing(
  { text, step, output, operand, operator }: OutputReference,
  outputs: StepOutputs | null,
  isEmpty: boolean,
): GondolinError {
  const wrote = isEmpty ? `wrote an empty ${output}` : `wrote no output ${output}`;
  const why = `step ${step} ${outputs === null ? 'left no outputs' : wrote}`;
  const said = operator.endsWith('?') && operand !== '' ? `: ${operand}` : '';
  return new GondolinError('PROJECT_OUTPUT_MISSING', `${text}: ${why}${said}`);
}

/** Returns the value of one reference. @throws {GondolinError} PROJECT_OUTPUT_MISSING, PROJECT_OUTPUT_UNSAFE */
function resolveOne(reference: OutputReference, outputsOf: OutputsOf, use: TextUse): string {
  const { text, output, operator, operand } = reference;
  const outputs = outputsOf(reference);
  const found = outputs !== null && Object.hasOwn(outputs, output) ? outputs[output] : undefined;
  // With a colon an empty value counts as unset.
  const value = operator.startsWith(':') && found === '' ? undefined : found;
  if (operator.endsWith('+')) return value === undefined ? '' : operand;
  if (value === undefined && operator.endsWith('-')) return operand;
  if (value === undefined) throw missing(reference, outputs, found !== undefined);
  if (use === 'script' && !HARMLESS.test(value)) {
    const message = `${text}: the value has characters that a shell interprets`;
    throw new GondolinError('PROJECT_OUTPUT_UNSAFE', message);
  }
  return value;
}

/** Returns a text with its outputs. @throws {GondolinError} PROJECT_OUTPUT_MISSING, PROJECT_OUTPUT_UNSAFE */
export function resolveText(parts: TextParts, outputsOf: OutputsOf, use: TextUse): string {
  return parts
    .map((part) => (typeof part === 'string' ? part : resolveOne(part, outputsOf, use)))
    .join('');
}

/**
 * Returns the parts with the outputs of other sandboxes, which are known before a sandbox starts. One that is missing or unsafe stays
 * as it is: what uses it fails when its turn comes.
 */
export function resolveForeign(
  parts: TextParts,
  own: string,
  outputsOf: OutputsOf,
  use: TextUse,
): TextParts {
  return parts.map((part) => {
    if (typeof part === 'string' || part.sandbox === own) return part;
    try {
      return resolveOne(part, outputsOf, use);
    } catch (error) {
      if (!GondolinError.is(error)) throw error;
      return part;
    }
  });
}
