import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type LogLine, ProjectLogs } from '../../../../src/project/background/project-logs.ts';
import { type LogSelection, readLogs } from '../../../../src/project/background/read-logs.ts';
import type { RunEvent } from '../../../../src/project/run-event.ts';
import { temporaryDirectory } from '../../../fixtures/temporary-directory.ts';

const ALL: LogSelection = { sandboxes: ['db', 'web'], sinceMs: null, tail: null, untilSeq: null };

function output(sandbox: string, text: string, time = '2026-01-01T00:00:00.000Z'): RunEvent {
  return { type: 'service-output', sandbox, stream: 'stdout', text, time };
}

async function open(maxFileBytes?: number) {
  const directory = join(temporaryDirectory(), 'logs');
  const failures: unknown[] = [];
  const logs = await ProjectLogs.open(directory, (error) => failures.push(error), maxFileBytes);
  const texts = async (selection: Partial<LogSelection> = {}) => {
    const lines = await readLogs(directory, { ...ALL, ...selection });
    return lines.map(({ sandbox, text }) => `${sandbox} ${text}`);
  };
  return { directory, logs, failures, texts };
}

it('ProjectLogs keeps whole lines in the order of the project, and what has no line end when its command ends', async () => {
  const { logs, texts } = await open();
  await logs.onEvent(output('db', 'a\nb'));
  await logs.onEvent(output('web', 'w\n'));
  await logs.onEvent(output('db', 'c\nrest'));
  expect(await texts()).toEqual(['db a', 'web w', 'db bc']);
  const how = { exitCode: 0, signal: null, isOutOfMemory: false, durationMs: 1 };
  const ended = { ...how, isStopped: true, restartInMs: null, time: '' };
  await logs.onEvent({ type: 'service-exited', sandbox: 'db', ...ended });
  expect(await texts({ sandboxes: ['db'] })).toEqual(['db a', 'db bc', 'db rest']);
  await logs.close();
});

it('ProjectLogs keeps at most two files of a bounded size, with the last lines', async () => {
  const { directory, logs, texts } = await open(2_000);
  for (let line = 1; line <= 200; line += 1) await logs.onEvent(output('db', `line ${line}\n`));
  const files = readdirSync(directory);
  expect(files.toSorted()).toEqual(['db.1.jsonl', 'db.jsonl']);
  for (const file of files) expect(statSync(join(directory, file)).size).toBeLessThanOrEqual(2_000);
  const kept = await texts();
  expect(kept.at(-1)).toBe('db line 200');
  expect(kept.length).toBeGreaterThan(10);
  await logs.close();
});

it('readLogs() selects by time and by the number of last lines of each sandbox', async () => {
  const { logs, texts } = await open();
  await logs.onEvent(output('db', '1\n2\n'));
  await logs.onEvent(output('db', '3\n', '2026-01-02T00:00:00.000Z'));
  await logs.onEvent(output('web', '4\n'));
  expect(await texts({ tail: 1 })).toEqual(['db 3', 'web 4']);
  expect(await texts({ tail: 0 })).toEqual([]);
  expect(await texts({ sinceMs: Date.parse('2026-01-02') })).toEqual(['db 3']);
  expect(await texts({ untilSeq: 2 })).toEqual(['db 1', 'db 2']);
  await logs.close();
});

it('ProjectLogs.follow() passes on each line after those on disk once', async () => {
  const { directory, logs } = await open();
  void logs.onEvent(output('db', '1\n2\n'));
  const live: LogLine[] = [];
  const { seq, stop } = await logs.follow((line) => live.push(line));
  const early = await readLogs(directory, { ...ALL, untilSeq: seq });
  await logs.onEvent(output('db', '3\n'));
  stop();
  await logs.onEvent(output('db', '4\n'));
  expect([...early, ...live].map(({ text }) => text)).toEqual(['1', '2', '3']);
  await logs.close();
});

it('ProjectLogs reports the first failed write and continues for those who follow', async () => {
  const { logs, failures } = await open();
  const live: LogLine[] = [];
  await logs.follow((line) => live.push(line));
  // The name of the file is too long.
  const sandbox = 'x'.repeat(300);
  await logs.onEvent(output(sandbox, '1\n'));
  await logs.onEvent(output(sandbox, '2\n'));
  expect(failures).toMatchObject([{ code: 'ENAMETOOLONG' }]);
  expect(live).toHaveLength(2);
});
