import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { listNames } from '../../host/list-names.ts';
import { artifactsDirectory } from './submitted-script.ts';

/**
 * Copies the artifacts of all shards to one directory, in place of those of an earlier run: each sandbox to a directory of its name, one
 * that several shards ran to `NAME (shard N)`. Links stay what they are.
 */
export async function collectArtifacts(
  jobDirectory: string,
  shardCount: number,
  target: string,
): Promise<void> {
  const found: { shard: number; sandbox: string }[] = [];
  for (let shard = 1; shard <= shardCount; shard += 1) {
    const names = await listNames(join(jobDirectory, artifactsDirectory(shard)));
    for (const sandbox of names) found.push({ shard, sandbox });
  }
  for (const { shard, sandbox } of found) {
    const isShared = found.filter((one) => one.sandbox === sandbox).length > 1;
    const to = join(target, isShared ? `${sandbox} (shard ${shard})` : sandbox);
    await rm(to, { recursive: true, force: true });
    const from = join(jobDirectory, artifactsDirectory(shard), sandbox);
    await cp(from, to, { recursive: true, verbatimSymlinks: true });
  }
}
