import { GondolinError } from '../errors/gondolin-error.ts';
import type { Issue } from './issue.ts';

/** Every mistake of a project at once: code CONFIG_INVALID, exit 2. `renderIssues` renders it. */
export class ConfigError extends GondolinError {
  /** At least one, sorted by place. */
  readonly issues: readonly Issue[];
  /** Text of each project file by absolute path, for excerpts, with values of secrets starred out. Never an env_file. */
  readonly sources: ReadonlyMap<string, string>;

  constructor(issues: readonly Issue[], sources: ReadonlyMap<string, string>) {
    const first = issues[0];
    const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
    const where = first === undefined ? '' : `${first.at.file}:${first.at.line}:${first.at.col}: `;
    super('CONFIG_INVALID', `${where}${first?.message ?? 'invalid project'}${more}`, {
      ...(first === undefined ? {} : { at: first.at, hint: first.hint }),
      details: { issues: issues.length },
    });
    this.issues = issues;
    this.sources = sources;
  }
}
