import type { RunEvent } from '../../../project/run-event.ts';

type ImageEvent = Extract<RunEvent, { type: 'image-progress' }>;

/** Shortest time between two lines about the same phase. */
const PACE_MS = 5_000;

/** Limits the lines about image progress in a log: one for each phase, then at most one every 5 s. Output of commands is whole. */
export class ImagePace {
  readonly #shown = new Map<string, number>();

  isWorthALine(event: Pick<ImageEvent, 'level' | 'sandbox' | 'artifact' | 'phase'>): boolean {
    if (event.level === 'warning' || event.phase === 'output') return true;
    const key = JSON.stringify([event.sandbox, event.artifact, event.phase]);
    const now = performance.now();
    const last = this.#shown.get(key);
    if (last !== undefined && now - last < PACE_MS) return false;
    this.#shown.set(key, now);
    return true;
  }
}

/** `rootfs: installing packages, 40%`. */
export function describeImage(event: Pick<ImageEvent, 'level' | 'message' | 'fraction'>): string {
  const share = event.fraction === null ? '' : `, ${Math.floor(event.fraction * 100)}%`;
  const level = event.level === 'warning' ? 'warning: ' : '';
  return `${level}${event.message}${share}`;
}
