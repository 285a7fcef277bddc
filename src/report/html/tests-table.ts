import { formatDuration } from '../../util/quantities.ts';
import { shorten } from '../bounded-text.ts';
import { isBadTest, testsText } from '../outcome.ts';
import type { SandboxRecord } from '../run-record.ts';
import { escapeHtml } from './escape-html.ts';

/** Rows of all sandboxes together; the JUnit report has every test. */
const MAX_ROWS = 200;
const MAX_MESSAGE_LENGTH = 300;

type Test = NonNullable<SandboxRecord['tests']>['cases'][number];

function testRow({ suite, className, name, durationMs, message, text }: Test): string {
  const where = escapeHtml([className || suite, name].filter(Boolean).join(' › '));
  const why = escapeHtml(shorten(message || text, MAX_MESSAGE_LENGTH));
  const time = durationMs === null ? '' : formatDuration(durationMs);
  return `<tr><td class="bad">${where}</td><td class="number">${time}</td><td>${why}</td></tr>`;
}

/** Lists the tests of a sandbox's own reports that did not pass; empty without reports. */
export function testsHtml({ tests }: SandboxRecord, sandboxCount: number): string {
  if (tests === null || tests.files === 0) return '';
  const bad = tests.cases.filter(isBadTest);
  const tone = bad.length === 0 ? 'good' : 'bad';
  const head = `<p class="${tone}">${escapeHtml(testsText(tests.counts))}</p>\n`;
  if (bad.length === 0) return head;
  const shown = bad.slice(0, Math.max(1, Math.floor(MAX_ROWS / sandboxCount)));
  const more = bad.length - shown.length;
  const note = more === 0 ? '' : `<p class="dim">and ${more} more</p>\n`;
  const heads = '<th>Test</th><th class="number">Time</th><th>Why</th>';
  const rows = shown.map(testRow).join('\n');
  return `${head}<table><thead><tr>${heads}</tr></thead><tbody>\n${rows}\n</tbody></table>\n${note}`;
}
