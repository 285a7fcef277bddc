import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureDirectory } from '../../host/directories.ts';
import { logsDirectory } from './layout.ts';

/** Runs a part of a build that writes a log. The log is kept only if it fails. */
export async function withBuildLog<T>(
  cacheDirectory: string,
  name: string,
  use: (logPath: string) => Promise<T>,
): Promise<T> {
  const logs = logsDirectory(cacheDirectory);
  await ensureDirectory(logs);
  const logPath = join(logs, `${name}.log`);
  const result = await use(logPath);
  await rm(logPath, { force: true });
  return result;
}
