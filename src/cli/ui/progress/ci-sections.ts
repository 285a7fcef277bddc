import type { RunEvent } from '../../../project/run-event.ts';
import { type CliOutput, writeText } from '../../io.ts';
import { plainText } from '../text/describe.ts';
import type { RunRenderer } from './run-renderer.ts';

type StepEnd = Extract<RunEvent, { type: 'step-started' | 'step-finished' }>;

/** The lines by which a CI system folds a part of a log. */
interface FoldSyntax {
  start(event: StepEnd, number: number): string;
  end(event: StepEnd, number: number): string;
}

const ESC = '\u001b';

function unixSeconds({ time }: StepEnd): number {
  return Math.floor(Date.parse(time) / 1000);
}

function titleOf({ sandbox, step }: StepEnd): string {
  return plainText(`${sandbox} ${step}`);
}

const GITHUB: FoldSyntax = {
  start: (event) => `::group::${titleOf(event)}\n`,
  end: () => '::endgroup::\n',
};

const GITLAB: FoldSyntax = {
  start: (event, number) =>
    `${ESC}[0Ksection_start:${unixSeconds(event)}:step_${number}\r${ESC}[0K${titleOf(event)}\n`,
  end: (event, number) => `${ESC}[0Ksection_end:${unixSeconds(event)}:step_${number}\r${ESC}[0K\n`,
};

function foldSyntax(env: Readonly<Record<string, string | undefined>>): FoldSyntax | null {
  if (env['GITHUB_ACTIONS'] === 'true') return GITHUB;
  return env['GITLAB_CI'] === 'true' ? GITLAB : null;
}

/**
 * Folds the lines of each step where the CI system of the environment can: in GitHub Actions and GitLab. Not while several
 * sandboxes run at once, because their lines alternate and folds cannot overlap.
 */
export function withCiSections(
  renderer: RunRenderer,
  output: CliOutput,
  env: Readonly<Record<string, string | undefined>>,
): RunRenderer {
  const syntax = foldSyntax(env);
  if (syntax === null) return renderer;
  let isOneByOne = false;
  let number = 0;
  const onEvent = (event: RunEvent): void | Promise<void> => {
    if (event.type === 'run-started') {
      const { sandboxes, maxParallel } = event;
      const hasServices = sandboxes.some(({ isService }) => isService);
      isOneByOne = sandboxes.length === 1 || (maxParallel === 1 && !hasServices);
    }
    if (isOneByOne && event.type === 'step-started' && event.attempt === 1) {
      number += 1;
      void writeText(output, syntax.start(event, number));
    }
    const written = renderer.onEvent(event);
    if (!isOneByOne || event.type !== 'step-finished' || event.willRetry) return written;
    return writeText(output, syntax.end(event, number));
  };
  return { onEvent, end: () => renderer.end() };
}
