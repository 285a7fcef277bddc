import type { SandboxRecord } from '../run-record.ts';
import { escapeHtml } from './escape-html.ts';

/** Rows of all sandboxes together; `--record` has up to 200 of each. */
const MAX_ROWS = 500;

/** Lists the files of the host that a sandbox wrote or removed; empty without any. */
export function filesHtml({ writtenFiles }: SandboxRecord, sandboxCount: number): string {
  const { files, omitted } = writtenFiles;
  if (files.length === 0) return '';
  const shown = files.slice(0, Math.max(1, Math.floor(MAX_ROWS / sandboxCount)));
  const rows = shown.map(({ path, change }) => {
    const tone = change === 'removed' ? ' class="warn"' : '';
    return `<tr><td>${escapeHtml(path)}</td><td${tone}>${change}</td></tr>`;
  });
  const more = files.length - shown.length + omitted;
  const note = more === 0 ? '' : `<p class="dim">and ${more} more</p>\n`;
  const head = '<th>File of the host</th><th>Change</th>';
  return `<table><thead><tr>${head}</tr></thead><tbody>\n${rows.join('\n')}\n</tbody></table>\n${note}`;
}
