import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { shardOf } from '../../../src/cli/shard-flags.ts';
import { buildPlan } from '../../../src/plan/build-plan.ts';
import { readText } from '../../fixtures/project-text.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { fakeIo } from './fake-io.ts';

const plan = buildPlan(readText('steps: [x]\n'), { arch: 'x86_64', release: 'trixie' });

describe('shardOf()', () => {
  it('says that a shard has nothing left to run', async () => {
    const { io, stderr } = fakeIo();
    expect((await shardOf(plan, { shard: '2/2' }, io)).plan.sandboxes).toEqual([]);
    expect(stderr()).toBe('shard 2/2: nothing is left for it to run\n');
    expect((await shardOf(plan, { shard: '1/2' }, io)).plan).toEqual(plan);
  });

  it.each(['0/2', '3/2', '1', '1/2/3', '1/9999', 'a/b', '-1/2'])('refuses %s', async (shard) => {
    await expect(shardOf(plan, { shard }, fakeIo().io)).rejects.toMatchObject({
      code: 'CLI_USAGE',
    });
  });

  it('refuses durations without a shard, and files that have none', async () => {
    const cwd = temporaryDirectory();
    const { io } = fakeIo({ cwd });
    writeFileSync(
      join(cwd, 'bad.json'),
      '{"run": {"sandboxes": [{"name": "a", "steps": [{"name": 1}]}]}}',
    );
    await expect(shardOf(plan, { durations: 'bad.json' }, io)).rejects.toMatchObject({
      code: 'CLI_USAGE',
    });
    const read = (durations: string) => shardOf(plan, { shard: '1/2', durations }, io);
    const code = 'SHARD_DURATIONS_INVALID';
    await expect(read('gone.json')).rejects.toMatchObject({ code });
    await expect(read('bad.json')).rejects.toMatchObject({
      code,
      message: expect.stringContaining('sandboxes[0].steps[0].name: got a number'),
    });
  });
});
