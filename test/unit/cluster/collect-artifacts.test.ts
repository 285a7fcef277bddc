import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { collectArtifacts } from '../../../src/cluster/slurm/collect-artifacts.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

it('collectArtifacts() copies what each shard left, in place of an earlier run, and keeps shards apart', async () => {
  const [job, target] = [temporaryDirectory(), temporaryDirectory()];
  const leave = (place: string, text: string) => {
    mkdirSync(join(place, '..'), { recursive: true });
    writeFileSync(place, text);
  };
  leave(join(job, 'artifacts-1/a/log'), 'a');
  leave(join(job, 'artifacts-1/db/log'), 'first');
  leave(join(job, 'artifacts-3/db/log'), 'third');
  leave(join(target, 'a/old'), 'old');
  await collectArtifacts(job, 3, target);
  expect(readdirSync(target).toSorted()).toEqual(['a', 'db (shard 1)', 'db (shard 3)']);
  expect(readdirSync(join(target, 'a'))).toEqual(['log']);
  expect(readFileSync(join(target, 'db (shard 3)/log'), 'utf8')).toBe('third');
});
