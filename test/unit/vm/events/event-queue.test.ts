import { expect, it } from 'vitest';
import { EventQueue, MAX_QUEUED_EVENTS } from '../../../../src/vm/events/event-queue.ts';
import type { VMEvent } from '../../../../src/vm/events/vm-event.ts';

function exec(exitCode: number): VMEvent {
  return { type: 'exec', timestamp: 0, exec: { command: 'true', exit_code: exitCode } };
}

/** Exit codes of events, and the count of dropped ones as a negative number. */
const numberOf = (event: VMEvent) =>
  event.type === 'exec' ? event.exec.exit_code : event.type === 'dropped' ? -event.count : 0;

async function rest(queue: EventQueue): Promise<number[]> {
  const found: number[] = [];
  for await (const event of queue) found.push(numberOf(event));
  return found;
}

it('events come in order, those that were pushed before the loop too, and end with the queue', async () => {
  const queue = new EventQueue(() => undefined);
  queue.push(exec(1));
  const read = rest(queue);
  queue.push(exec(2));
  await new Promise((resolve) => setImmediate(resolve));
  queue.push(exec(3));
  queue.end();
  queue.push(exec(4));
  expect(await read).toEqual([1, 2, 3]);
});

it('a slow consumer is told how many events it missed, where they are missing', async () => {
  const queue = new EventQueue(() => undefined);
  for (let at = 1; at <= MAX_QUEUED_EVENTS + 5; at++) queue.push(exec(at));
  const first = await queue.next();
  expect(first.value && numberOf(first.value)).toBe(1);
  queue.push(exec(9_999));
  queue.push(exec(10_000));
  queue.end();
  const found = await rest(queue);
  const kept = Array.from({ length: MAX_QUEUED_EVENTS - 2 }, (_, at) => at + 2);
  // The second late event met a full queue again.
  expect(found).toEqual([...kept, -6, 9_999, -1]);
});

it('leaving the loop drops what is queued and tells the owner once', async () => {
  let left = 0;
  const queue = new EventQueue(() => left++);
  queue.push(exec(1));
  queue.push(exec(2));
  for await (const event of queue) {
    expect(numberOf(event)).toBe(1);
    break;
  }
  expect(left).toBe(1);
  expect(await queue.next()).toEqual({ value: undefined, done: true });
});

it('a consumer that waits in two calls of next() gets two events', async () => {
  const queue = new EventQueue(() => undefined);
  const waiting = [queue.next(), queue.next(), queue.next()];
  queue.push(exec(1));
  queue.push(exec(2));
  queue.end();
  const results = await Promise.all(waiting);
  expect(results.map(({ value }) => value && numberOf(value))).toEqual([1, 2, undefined]);
});
