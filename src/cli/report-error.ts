import type { ConfigError } from '../config/config-error.ts';
import { GondolinError } from '../errors/gondolin-error.ts';
import { toErrorData } from '../project/error-data.ts';
import { type CliIo, writeText } from './io.ts';
import { renderCauses, renderErrorData, renderErrorJson } from './ui/render-error.ts';
import { type Paint, paintFor } from './ui/text/paint.ts';

export interface ReportOptions {
  readonly isJson: boolean;
  readonly isDebug: boolean;
}

function isConfigError(error: unknown): error is ConfigError {
  return GondolinError.is(error) && 'issues' in error && 'sources' in error;
}

async function renderConfigError(error: ConfigError, cwd: string, paint: Paint): Promise<string> {
  const { renderIssues } = await import('../config/print/render-issues.ts');
  const { issues, sources } = error;
  const tones = {
    place: 'bold',
    message: 'red',
    excerpt: 'dim',
    caret: 'red',
    hint: 'cyan',
  } as const;
  const style = (part: keyof typeof tones, text: string) => paint(tones[part], text);
  const text = renderIssues(issues, { sources, relativeTo: cwd, style });
  const count = issues.length === 1 ? '1 problem' : `${issues.length} problems`;
  return `${text}\n\n${paint('red', paint('bold', `error[${error.code}]:`))} ${count}\n`;
}

/** Prints the reason why a command failed on standard error. Returns the exit code. */
export async function reportError(
  error: unknown,
  io: CliIo,
  options: ReportOptions,
): Promise<number> {
  const paint = paintFor(io.stderr, io.env);
  const { exit } = toErrorData(error);
  if (options.isJson) {
    await writeText(io.stderr, renderErrorJson(error));
    return exit;
  }
  const text = isConfigError(error)
    ? await renderConfigError(error, io.cwd, paint)
    : renderErrorData(toErrorData(error), paint);
  await writeText(io.stderr, text + (options.isDebug ? renderCauses(error) : ''));
  return exit;
}
