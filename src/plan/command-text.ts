import { shellQuoteArgs } from '../util/shell-quote-args.ts';
import type { StepCommand } from './plan.ts';

/** Returns the first line of a command; ` …` marks that there are more. */
export function commandText(command: StepCommand): string {
  const text = command.kind === 'shell' ? command.script : shellQuoteArgs([...command.argv]);
  const [first = '', ...rest] = text.trim().split('\n');
  return rest.length === 0 ? first : `${first} …`;
}
