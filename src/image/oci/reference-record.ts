import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { writeFileAtomic } from '../../host/atomic-write.ts';
import { readTextFile } from '../../host/read-text-file.ts';
import { decodeOrNull, integer, literal, object, text } from '../../util/json-decoder.ts';
import { cacheKey } from '../cache/cache-key.ts';
import { referencesDirectory } from '../cache/layout.ts';
import type { Arch } from './documents/choose-platform.ts';
import { digestText } from './documents/descriptor.ts';
import { CONFIG_MAX_BYTES } from './documents/image-config.ts';

/** The meaning of a reference when it was pulled: enough to start the image without asking again. */
export interface ReferenceRecord {
  readonly version: 1;
  /** Whole reference, such as `registry.example.com/team/app:1`. */
  readonly reference: string;
  readonly arch: Arch;
  /** Digest of the manifest for that processor. */
  readonly digest: string;
  /** Digest of what the reference names, an index or that manifest. */
  readonly sourceDigest: string;
  /** The configuration, word for word, and its digest. */
  readonly config: string;
  readonly configDigest: string;
  /** Milliseconds since 1970. */
  readonly pulledAtMs: number;
}

const RECORD_MAX_BYTES = 3 * CONFIG_MAX_BYTES;

const record = object<ReferenceRecord>({
  version: literal(1),
  reference: text({ maxLength: 1000 }),
  arch: literal('x86_64', 'aarch64'),
  digest: digestText,
  sourceDigest: digestText,
  config: text({ maxLength: CONFIG_MAX_BYTES }),
  configDigest: digestText,
  pulledAtMs: integer(),
});

/** Null when the reference was not pulled for that processor, or its record is damaged: it is pulled again. */
export async function readReferenceRecord(
  cacheDirectory: string,
  reference: string,
  arch: Arch,
): Promise<ReferenceRecord | null> {
  const path = recordPath(cacheDirectory, reference, arch);
  const found = decodeOrNull(await readTextFile(path, RECORD_MAX_BYTES), record);
  if (found === null || found.reference !== reference || found.arch !== arch) return null;
  return digestOf(found.config) === found.configDigest ? found : null;
}

export async function writeReferenceRecord(
  cacheDirectory: string,
  facts: Pick<ReferenceRecord, 'reference' | 'arch' | 'digest' | 'sourceDigest' | 'config'>,
): Promise<void> {
  const { reference, arch } = facts;
  const rest = { configDigest: digestOf(facts.config), pulledAtMs: Date.now() };
  const text = `${JSON.stringify({ version: 1, ...facts, ...rest })}\n`;
  await writeFileAtomic(recordPath(cacheDirectory, reference, arch), text);
}

function recordPath(cacheDirectory: string, reference: string, arch: Arch): string {
  return join(referencesDirectory(cacheDirectory), `${cacheKey({ reference, arch })}.json`);
}

function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
