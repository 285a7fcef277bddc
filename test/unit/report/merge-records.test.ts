import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { durationLookup, recordDurationsDecoder } from '../../../src/plan/shard/durations.ts';
import { mergeRecords } from '../../../src/report/merge-records.ts';
import { type RecordedRun, readRecord, writeRecord } from '../../../src/report/record-file.ts';
import { decodeJson } from '../../../src/util/json-decoder.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { recordOf, STARTED_AT, sandboxResult, stepResult } from './run-of-test.ts';

const SPLIT = 'a'.repeat(64);
const REFUSED = 'REPORT_MERGE_REFUSED';

function shardRun(index: number, names: readonly string[], exitCode = 0, startS = 0): RecordedRun {
  const status = exitCode === 0 ? 'succeeded' : 'failed';
  const run = recordOf(
    names.map((name) => {
      const steps = [stepResult({ name: 'go', status, exitCode })];
      return sandboxResult(steps, { name, status, exitCode });
    }),
  );
  const startedAt = new Date(Date.parse(STARTED_AT) + startS * 1000).toISOString();
  return { shard: { index, count: 3, split: SPLIT }, run: { ...run, startedAt } };
}

describe('mergeRecords()', () => {
  it('makes one run of all shards: the first failing shard decides, times are on one line', () => {
    const merged = mergeRecords([
      shardRun(3, ['db', 'c'], 9, 20),
      shardRun(1, ['db', 'a']),
      shardRun(2, ['b'], 7, 10),
    ]);
    const { run, missing } = merged;
    expect(missing).toEqual([]);
    expect(run).toMatchObject({
      project: 'shop',
      status: 'failed',
      exitCode: 7,
      durationMs: 25_000,
    });
    expect(run.startedAt).toBe(STARTED_AT);
    expect(run.sandboxes.map(({ name, startMs }) => [name, startMs])).toEqual([
      ['db (shard 1)', 1000],
      ['a', 3000],
      ['b', 11_000],
      ['db (shard 3)', 21_000],
      ['c', 23_000],
    ]);
    expect(run.sandboxes[4]?.steps[0]?.startMs).toBe(24_000);
  });

  it('fails with 125 for shards without a record, unless one failed by itself', () => {
    const partly = mergeRecords([shardRun(2, ['b'])]);
    expect(partly).toMatchObject({ missing: [1, 3], run: { status: 'failed', exitCode: 125 } });
    expect(mergeRecords([shardRun(2, ['b'], 4)]).run.exitCode).toBe(4);
  });

  it('refuses what are not the shards of one split, each once', () => {
    const code = { code: REFUSED };
    const one = shardRun(1, ['a']);
    const shard = { index: 2, count: 3, split: SPLIT };
    expect(() => mergeRecords([])).toThrow(expect.objectContaining(code));
    expect(() => mergeRecords([one, one])).toThrow(expect.objectContaining(code));
    for (const other of [null, { ...shard, count: 4 }, { ...shard, split: 'b'.repeat(64) }]) {
      expect(() => mergeRecords([one, { ...one, shard: other }])).toThrow(
        expect.objectContaining(code),
      );
    }
    const elsewhere = { shard, run: { ...one.run, project: 'other' } };
    expect(() => mergeRecords([one, elsewhere])).toThrow(expect.objectContaining(code));
  });
});

describe('writeRecord() and readRecord()', () => {
  it('keep a run unchanged, and give the durations for the next split', async () => {
    const path = join(temporaryDirectory(), 'run.json');
    const merged = mergeRecords([shardRun(1, ['t']), shardRun(2, ['t', 'u'])]).run;
    const recorded = { shard: null, run: merged };
    await writeRecord(path, recorded);
    expect(await readRecord(path)).toEqual(recorded);
    const decoded = decodeJson(readFileSync(path, 'utf8'), recordDurationsDecoder);
    const known = durationLookup(decoded.ok ? decoded.value.run : { sandboxes: [] });
    // Two shards did a part each.
    expect([known('t', 'go'), known('u', 'go'), known('t', 'x')]).toEqual([3000, 1500, undefined]);
  });

  it('refuse a file that is missing, damaged or changed', async () => {
    const path = join(temporaryDirectory(), 'run.json');
    const invalid = { code: 'REPORT_RECORD_INVALID' };
    await expect(readRecord(path)).rejects.toMatchObject(invalid);
    await writeRecord(path, shardRun(1, ['a']));
    const text = readFileSync(path, 'utf8');
    for (const bad of [
      text.slice(0, 99),
      text.replace('"exitCode":0', '"exitCode":1'),
      '{}',
      '7',
    ]) {
      writeFileSync(path, bad);
      await expect(readRecord(path)).rejects.toMatchObject(invalid);
    }
    writeFileSync(path, text);
    appendFileSync(path, '\n');
    expect((await readRecord(path)).shard?.index).toBe(1);
  });
});
