import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { writeFileAtomic } from '../../host/atomic-write.ts';
import { readTextFile } from '../../host/read-text-file.ts';
import type { Plan, SandboxPlan } from '../../plan/plan.ts';
import { RECORDS } from './checkpoint-store.ts';
import type { ChainRecord } from './explain-miss.ts';
import type { ChainLink, Part } from './key-chain.ts';

const VERSION = 1;
const MAX_RECORD_BYTES = 16 * 1024 * 1024;

function isPart(value: unknown): value is Part {
  return Array.isArray(value) && value.length === 2 && value.every((x) => typeof x === 'string');
}

function areParts(value: unknown): value is Part[] {
  return Array.isArray(value) && value.every(isPart);
}

function isLink(value: unknown): value is ChainLink {
  if (typeof value !== 'object' || value === null) return false;
  const { name, parts, key } = value as Record<string, unknown>;
  return typeof name === 'string' && typeof key === 'string' && areParts(parts);
}

function parse(text: string): ChainRecord | null {
  try {
    const { version, base, links } = JSON.parse(text) as Record<string, unknown>;
    const isRecord = version === VERSION && areParts(base) && Array.isArray(links);
    return isRecord && links.every(isLink) ? { base, links } : null;
  } catch {
    // Cut off, or of another gondolin. It only explains.
    return null;
  }
}

/** What each sandbox's checkpoints last depended on, in digests: `<checkpoints>/records/`. It explains and decides nothing. */
export class ChainRecords {
  readonly #directory: string;

  /** @param checkpoints  `Directories.checkpoints`. */
  constructor(checkpoints: string) {
    this.#directory = join(checkpoints, RECORDS);
  }

  #path({ configFiles, directory }: Plan, { name }: SandboxPlan): string {
    const owner = JSON.stringify([configFiles[0] ?? directory, name]);
    return join(this.#directory, `${createHash('sha256').update(owner).digest('hex')}.json`);
  }

  async read(plan: Plan, sandbox: SandboxPlan): Promise<ChainRecord | null> {
    const text = await readTextFile(this.#path(plan, sandbox), MAX_RECORD_BYTES);
    return text === null ? null : parse(text);
  }

  /** A record that cannot be written costs an explanation only. */
  async write(plan: Plan, sandbox: SandboxPlan, record: ChainRecord): Promise<void> {
    try {
      const text = JSON.stringify({ version: VERSION, ...record });
      await writeFileAtomic(this.#path(plan, sandbox), text);
    } catch (error) {
      if (!GondolinError.is(error)) throw error;
    }
  }
}
