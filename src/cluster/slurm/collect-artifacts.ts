import { cp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { artifactsDirectory } from './submitted-script.ts';

/** Names of the sandboxes whose artifacts a shard left; none for a shard that left nothing. */
async function sandboxesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

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
    const names = await sandboxesIn(join(jobDirectory, artifactsDirectory(shard)));
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
