import { formatDuration } from '../../util/quantities.ts';
import { failureText } from '../outcome.ts';
import type { RunRecord, SandboxRecord, StepRecord } from '../run-record.ts';
import { escapeHtml } from './escape-html.ts';
import { toneOf } from './tone.ts';

/** A bar of the timeline. */
interface Lane {
  readonly name: string;
  readonly isStep: boolean;
  readonly tone: string;
  readonly startMs: number;
  readonly durationMs: number;
  readonly note: string;
}

function stepLane(step: StepRecord): Lane[] {
  if (step.startMs === null) return [];
  return [
    {
      name: step.name,
      isStep: true,
      tone: toneOf(step.status, step.isIgnored),
      startMs: step.startMs,
      durationMs: step.durationMs,
      note: failureText(step),
    },
  ];
}

function sandboxLanes(sandbox: SandboxRecord): Lane[] {
  if (sandbox.startMs === null) return [];
  const own: Lane = {
    name: sandbox.name,
    isStep: false,
    tone: '',
    startMs: sandbox.startMs,
    durationMs: sandbox.durationMs,
    note: '',
  };
  return [own, ...sandbox.steps.flatMap(stepLane)];
}

function laneHtml(lane: Lane, totalMs: number): string {
  const percent = (ms: number) => ((100 * ms) / totalMs).toFixed(2);
  const start = Math.min(lane.startMs, totalMs);
  const width = Math.min(lane.durationMs, totalMs - start);
  const note = lane.note === '' ? '' : `, ${lane.note}`;
  const title = `${lane.name}: ${formatDuration(lane.durationMs)} from ${formatDuration(lane.startMs)}${note}`;
  const name = `<span class="name${lane.isStep ? ' step dim' : ''}">${escapeHtml(lane.name)}</span>`;
  const bar = `<span class="bar ${lane.tone}" style="left:${percent(start)}%;width:${percent(width)}%"></span>`;
  return `<div class="lane" title="${escapeHtml(title)}">${name}<span class="track">${bar}</span></div>\n`;
}

/** Draws when each sandbox and step ran. What was restored from a checkpoint or skipped has no bar. */
export function timelineHtml(run: RunRecord): string {
  const lanes = run.sandboxes.flatMap(sandboxLanes);
  if (lanes.length === 0) return '';
  const totalMs = Math.max(1, run.durationMs);
  return `<h2>Timeline</h2>\n${lanes.map((lane) => laneHtml(lane, totalMs)).join('')}`;
}
