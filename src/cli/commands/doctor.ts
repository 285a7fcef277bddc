import { resolveDirectories } from '../../host/directories.ts';
import { canRun, judgeHost, type Requirement } from '../../host/doctor.ts';
import { gatherHostFacts } from '../../host/host-facts.ts';
import { type CommandRun, chooseFormat } from '../command-context.ts';
import { writeText } from '../io.ts';
import { type Paint, paintFor } from '../ui/text/paint.ts';

/** Returns a line for each requirement, and a second line with the fix if it is missing. */
function doctorLines(requirements: readonly Requirement[], paint: Paint): string[] {
  const width = Math.max(0, ...requirements.map(({ name }) => name.length));
  return requirements.flatMap(({ name, found, detail, fix, isFatal }) => {
    const missing = isFatal ? paint('red', '✖') : paint('yellow', '!');
    const line = `${found ? paint('green', '✔') : missing} ${name.padEnd(width)}  ${detail}`;
    return fix === null
      ? [line]
      : [line, `  ${' '.repeat(width)}  ${paint('cyan', 'fix:')} ${fix}`];
  });
}

function verdict(requirements: readonly Requirement[]): string {
  if (!canRun(requirements)) {
    const missing = requirements.filter(({ found, isFatal }) => !found && isFatal).length;
    return `gondolin run cannot work yet: ${missing} missing (marked ✖)`;
  }
  const lesser = requirements.some(({ found }) => !found);
  return lesser ? 'gondolin run works; what is marked ! could be better' : 'gondolin run works';
}

/** `doctor`: prints each requirement, and its fix if it is missing. Exits 1 when `run` cannot work. */
export const doctorCommand: CommandRun = async ({ io, options }) => {
  const format = chooseFormat(options, ['text', 'json']);
  const facts = await gatherHostFacts({ directories: resolveDirectories(io.env), env: io.env });
  const requirements = judgeHost(facts);
  const isReady = canRun(requirements);
  const text =
    format === 'json'
      ? JSON.stringify({ canRun: isReady, requirements }, null, 2)
      : [...doctorLines(requirements, paintFor(io.stdout, io.env)), verdict(requirements)].join(
          '\n',
        );
  await writeText(io.stdout, `${text}\n`);
  return isReady ? 0 : 1;
};
