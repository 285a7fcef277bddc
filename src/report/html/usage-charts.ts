import type { ResourceUsage } from '../../project/resource-usage.ts';
import { formatBytes, formatDuration } from '../../util/quantities.ts';
import type { SandboxRecord } from '../run-record.ts';

/** Points of all charts of a page together, of about ten characters each. */
const MAX_POINTS = 12_000;
const MIN_POINTS = 8;
const WIDTH = 600;
const HEIGHT = 60;

/** A value over time. */
interface Point {
  readonly atMs: number;
  readonly value: number;
}

/** Returns at most `count` points; of several the highest, because peaks are what a reader looks for. */
function thinned(points: readonly Point[], count: number): readonly Point[] {
  const size = Math.ceil(points.length / count);
  if (size <= 1) return points;
  const groups = Array.from({ length: Math.ceil(points.length / size) }, (_, at) =>
    points.slice(at * size, (at + 1) * size),
  );
  return groups.flatMap((group) => group.toSorted((a, b) => b.value - a.value).slice(0, 1));
}

/** Returns which share of its processors a VM used between two samples. */
function cpuPoints({ samples, cpus }: ResourceUsage): Point[] {
  return samples.slice(1).map((sample, at) => {
    const before = samples[at] ?? sample;
    const elapsedMs = Math.max(1, sample.atMs - before.atMs);
    // The kernel counts in hundredths of a second, which is more than all of a short interval.
    const share = Math.min(1, (sample.cpuMs - before.cpuMs) / (elapsedMs * cpus));
    return { atMs: sample.atMs, value: Math.max(0, share) };
  });
}

interface Chart {
  readonly label: string;
  readonly points: readonly Point[];
  /** The value at the upper edge. */
  readonly top: number;
  readonly tone: 'memory' | 'cpu';
}

function chartHtml({ label, points, top, tone }: Chart, maxPoints: number): string {
  const first = points[0]?.atMs ?? 0;
  const spanMs = Math.max(1, (points.at(-1)?.atMs ?? 0) - first);
  const line = thinned(points, maxPoints)
    .map(({ atMs, value }) => {
      const x = Math.round(((atMs - first) * WIDTH) / spanMs);
      const y = Math.round(HEIGHT * (1 - Math.min(1, value / top)) * 10) / 10;
      return `${x},${y}`;
    })
    .join(' ');
  const area = `0,${HEIGHT} ${line} ${WIDTH},${HEIGHT}`;
  return (
    `<figure class="chart ${tone}"><figcaption class="dim">${label}</figcaption>` +
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${label}">` +
    `<polygon points="${area}"/><polyline points="${line}"/></svg></figure>\n`
  );
}

function numbersHtml({ peakMemoryBytes, cpuMs }: ResourceUsage): string {
  const text = `at most ${formatBytes(peakMemoryBytes)} of memory, CPU ${formatDuration(cpuMs)}`;
  return `<p class="dim">${text}</p>\n`;
}

/** A page of more sandboxes has only their numbers. */
const MAX_DRAWN_SANDBOXES = 200;

/** Draws the memory and the processor time of a sandbox's VM over its life; empty if there are too few samples for a line. */
export function usageHtml({ usage }: SandboxRecord, sandboxCount: number): string {
  if (usage === null || usage.samples.length < 3) return '';
  if (sandboxCount > MAX_DRAWN_SANDBOXES) return numbersHtml(usage);
  const maxPoints = Math.max(MIN_POINTS, Math.floor(MAX_POINTS / (2 * sandboxCount)));
  const { peakMemoryBytes, memoryLimitBytes, cpus, cpuMs, samples } = usage;
  const processors = cpus === 1 ? '1 CPU' : `${cpus} CPUs`;
  const memory: Chart = {
    label: `Memory of the host: at most ${formatBytes(peakMemoryBytes)}, the guest has ${formatBytes(memoryLimitBytes)}`,
    points: samples.map(({ atMs, memoryBytes: value }) => ({ atMs, value })),
    top: Math.max(peakMemoryBytes, memoryLimitBytes),
    tone: 'memory',
  };
  const cpu: Chart = {
    label: `CPU: ${formatDuration(cpuMs)} of ${processors}`,
    points: cpuPoints(usage),
    top: 1,
    tone: 'cpu',
  };
  return `<div class="charts">${chartHtml(memory, maxPoints)}${chartHtml(cpu, maxPoints)}</div>\n`;
}
