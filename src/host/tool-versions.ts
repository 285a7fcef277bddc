import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  anything,
  decodeOrNull,
  decodeValue,
  dictionary,
  object,
  text,
} from '../util/json-decoder.ts';
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

/** Each entry by itself: a damaged one costs only its tool. */
const remembered = object<Remembered>({ stamp: text(), version: text() });
const entriesByPath = dictionary(anything);

async function readEntries(file: string): Promise<Map<string, Remembered>> {
  const entries = new Map<string, Remembered>();
  const found = decodeOrNull(await readTextOrNull(file), entriesByPath) ?? {};
  for (const [path, value] of Object.entries(found)) {
    const decoded = decodeValue(value, remembered);
    if (decoded.ok) entries.set(path, decoded.value);
  }
  return entries;
}

/** Returns the text of a cache file, null when it cannot be read: missing and damaged are the same, the tool is asked again. */
export async function readTextOrNull(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    return null;
  }
}
