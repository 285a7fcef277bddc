import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from './atomic-write.ts';
import { NAMES } from './directories.ts';
import { queryToolVersion, type Tool } from './tools.ts';

interface Remembered {
  readonly stamp: string;
  readonly version: string;
}

/** Limit of remembered paths; one more empties the file first. */
const MAX_ENTRIES = 64;

/**
 * Returns the version line of a tool, from the cache if the tool's file is unchanged. A damaged cache file only costs
 * starting the tool again.
 * @throws {GondolinError} HOST_TOOL_FAILED from `queryToolVersion`.
 */
export async function toolVersion(
  tool: Tool,
  cacheDirectory: string,
  query: (tool: Tool) => Promise<string> = queryToolVersion,
): Promise<string> {
  const file = join(cacheDirectory, NAMES.toolVersions);
  const entries = await readEntries(file);
  const known = entries.get(tool.path);
  if (known !== undefined && known.stamp === tool.stamp) return known.version;
  const version = await query(tool);
  if (entries.size >= MAX_ENTRIES) entries.clear();
  entries.set(tool.path, { stamp: tool.stamp, version });
  await writeFileAtomic(file, `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`);
  return version;
}

async function readEntries(file: string): Promise<Map<string, Remembered>> {
  const entries = new Map<string, Remembered>();
  for (const [path, value] of Object.entries(await readJsonObject(file))) {
    if (isRemembered(value)) entries.set(path, value);
  }
  return entries;
}

function isRemembered(value: unknown): value is Remembered {
  if (typeof value !== 'object' || value === null) return false;
  const { stamp, version } = value as Record<string, unknown>;
  return typeof stamp === 'string' && typeof version === 'string';
}

/** Returns the object a JSON file holds; empty when the file is missing, damaged or holds something else. */
export async function readJsonObject(file: string): Promise<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : {};
  } catch {
    // A cache: missing and damaged are the same, the tool is asked again.
    return {};
  }
}
