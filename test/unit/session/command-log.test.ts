import fc from 'fast-check';
import { expect, it } from 'vitest';
import { CommandLog, type LogEntry } from '../../../src/session/commands/command-log.ts';

const never = new AbortController().signal;

async function all(entries: AsyncIterable<LogEntry>): Promise<LogEntry[]> {
  const found: LogEntry[] = [];
  for await (const entry of entries) found.push(entry);
  return found;
}

function textOf(entries: readonly LogEntry[]): string {
  return entries
    .map((entry) => (entry.kind === 'gap' ? `[${entry.bytes}]` : entry.data.toString()))
    .join('');
}

it('CommandLog returns what was written, by its stream', async () => {
  const log = new CommandLog();
  log.append('stdout', Buffer.from('one'));
  log.append('stderr', Buffer.from('two'));
  expect(await all(log.read({ isFollowing: false }, never))).toEqual([
    { kind: 'output', name: 'stdout', data: Buffer.from('one') },
    { kind: 'output', name: 'stderr', data: Buffer.from('two') },
  ]);
  expect(log.totalBytes).toBe(6);
});

it('CommandLog keeps at most its limit, and says how much is missing', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: 'grapheme-ascii', maxLength: 9 })),
      async (texts) => {
        const log = new CommandLog(10);
        for (const text of texts) log.append('stdout', Buffer.from(text));
        const whole = texts.join('');
        const entries = await all(log.read({ isFollowing: false }, never));
        const gaps = entries.flatMap((entry) => (entry.kind === 'gap' ? [entry.bytes] : []));
        const kept = textOf(entries.filter(({ kind }) => kind === 'output'));
        expect(kept.length).toBeLessThanOrEqual(10);
        expect(whole.endsWith(kept)).toBe(true);
        expect(gaps.reduce((sum, bytes) => sum + bytes, 0) + kept.length).toBe(whole.length);
      },
    ),
  );
});

it('CommandLog keeps the end of a chunk that is longer than its limit', async () => {
  const log = new CommandLog(4);
  log.append('stdout', Buffer.from('123456'));
  expect(textOf(await all(log.read({ isFollowing: false }, never)))).toBe('[2]3456');
});

it('a follower gets what comes later until the log is closed, and a late one what is kept', async () => {
  const log = new CommandLog(6);
  const following = all(log.read({ isFollowing: true }, never));
  log.append('stdout', Buffer.from('abc'));
  await new Promise(setImmediate);
  log.append('stdout', Buffer.from('def'));
  log.close();
  expect(textOf(await following)).toBe('abcdef');
  expect(textOf(await all(log.read({ isFollowing: true }, never)))).toBe('abcdef');
});

it('a follower that is too slow learns how much it lost', async () => {
  const log = new CommandLog(6);
  const reader = log.read({ isFollowing: true }, never);
  log.append('stdout', Buffer.from('abc'));
  const first = await reader.next();
  log.append('stdout', Buffer.from('defghi'));
  log.append('stdout', Buffer.from('jkl'));
  log.close();
  const rest = await all(reader);
  expect(textOf([first.value as LogEntry, ...rest])).toBe('abc[6]jkl');
});

it('a command that writes byte by byte costs little, and keeps its last pieces', async () => {
  const log = new CommandLog();
  for (let index = 0; index < 20_000; index++) {
    log.append(index % 2 === 0 ? 'stdout' : 'stderr', Buffer.from([index % 251]));
  }
  const entries = await all(log.read({ isFollowing: false }, never));
  const output = entries.flatMap((entry) => (entry.kind === 'output' ? [...entry.data] : []));
  expect(entries[0]).toEqual({ kind: 'gap', bytes: 20_000 - 4096 });
  expect(output).toEqual(Array.from({ length: 4096 }, (_, index) => (index + 15_904) % 251));
  const single = new CommandLog();
  for (let index = 0; index < 20_000; index++) single.append('stdout', Buffer.from([index % 251]));
  const pieces = await all(single.read({ isFollowing: false }, never));
  expect(pieces).toHaveLength(2);
});

it('an abort ends a follower that waits', async () => {
  const log = new CommandLog();
  const stop = new AbortController();
  const following = all(log.read({ isFollowing: true }, stop.signal));
  await new Promise(setImmediate);
  stop.abort();
  expect(await following).toEqual([]);
});
