import { TurnScheduler } from '../../../../util/turn-scheduler.ts';

/**
 * Schedules the start of guests' requests: judging one, scanning its head and building its call can take a millisecond, and one
 * HTTP/2 packet can hold a thousand of them. Slice: docs/limits.md.
 */
export const REQUEST_TURNS = new TurnScheduler({ sliceMs: 2 });
