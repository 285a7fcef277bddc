import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { writeFileAtomic } from '../../host/atomic-write.ts';
import { readTextFile } from '../../host/read-text-file.ts';
import type { Plan, SandboxPlan } from '../../plan/plan.ts';
import { decodeOrNull, list, literal, object, text, tuple } from '../../util/json-decoder.ts';
import { RECORDS } from './checkpoint-store.ts';
import type { ChainRecord } from './explain-miss.ts';
import type { ChainLink, Part } from './key-chain.ts';

const VERSION = 1;
const MAX_RECORD_BYTES = 16 * 1024 * 1024;

const parts = list(tuple<Part>(text(), text()));
const links = list(object<ChainLink>({ name: text(), parts, key: text() }));
const storedRecord = object({ version: literal(VERSION), base: parts, links });

/**
 * Records of what each sandbox's checkpoints last depended on, as digests, in `<checkpoints>/records/`. They explain why a
 * checkpoint does not fit, and decide nothing.
 */
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
    // A damaged record, or one of another version, is the same as none: it only explains.
    return decodeOrNull(
      await readTextFile(this.#path(plan, sandbox), MAX_RECORD_BYTES),
      storedRecord,
    );
  }

  /** Writes a record. Failures are ignored: a missing record costs only an explanation. */
  async write(plan: Plan, sandbox: SandboxPlan, record: ChainRecord): Promise<void> {
    try {
      const content = JSON.stringify({ version: VERSION, ...record });
      await writeFileAtomic(this.#path(plan, sandbox), content);
    } catch (error) {
      if (!GondolinError.is(error)) throw error;
    }
  }
}
