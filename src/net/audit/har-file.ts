import { GondolinError } from '../../errors/gondolin-error.ts';
import { jsonLine } from '../../util/json-line.ts';
import { AuditOutput, type AuditOutputOptions, type Batch } from './audit-output.ts';
import { isHarEvent, toHarEntry } from './har-entry.ts';
import type { SandboxNetworkEvent } from './network-event.ts';

/** Closes the list of entries, the log and the file. */
const FOOTER = ']}}\n';

/** Places entries so that the file is complete after each write: the next one overwrites the footer. */
class HarLayout {
  #end = 0;
  #hasEntries = false;
  readonly #head: string;

  constructor(version: string) {
    const creator = JSON.stringify({ name: 'gondolin', version });
    this.#head = `{"log":{"version":"1.2","creator":${creator},"entries":[\n`;
  }

  /** An empty record stands for the header of the file. */
  toBatch(records: readonly string[]): Batch {
    const parts: string[] = [];
    for (const record of records) {
      if (record === '') {
        parts.push(this.#head);
        continue;
      }
      parts.push(this.#hasEntries ? ',' : '', record);
      this.#hasEntries = true;
    }
    const text = parts.join('');
    const position = this.#end;
    this.#end += Buffer.byteLength(text);
    return { text: text + FOOTER, position };
  }
}

/**
 * `--har FILE`: the requests as HAR 1.2. Each entry is written when its request ends, and the file is valid JSON after
 * each write, however the process ends.
 */
export class HarFile {
  readonly #output: AuditOutput;

  private constructor(output: AuditOutput) {
    this.#output = output;
  }

  /**
   * @param version  Version of gondolin.
   * @throws {GondolinError} NET_AUDIT_UNUSABLE, also for anything but a regular file.
   */
  static async open(
    path: string,
    version: string,
    options: Pick<AuditOutputOptions, 'maxLength'> = {},
  ): Promise<HarFile> {
    const layout = new HarLayout(version);
    const toBatch = (records: readonly string[]) => layout.toBatch(records);
    const output = await AuditOutput.open(path, { ...options, needsFile: true, toBatch });
    output.push('');
    return new HarFile(output);
  }

  /** Never throws and never blocks. Ignores events that are not requests. */
  write({ sandbox, event }: SandboxNetworkEvent): void {
    if (isHarEvent(event)) this.#output.push(jsonLine(toHarEntry({ sandbox, event })));
  }

  /**
   * Writes what waits.
   * @throws {GondolinError} NET_AUDIT_FAILED, also when requests had to be left out for a disk that was too slow.
   */
  async close(): Promise<void> {
    const { lost } = this.#output;
    await this.#output.close();
    if (lost === 0) return;
    throw new GondolinError('NET_AUDIT_FAILED', `${lost} requests are missing from the HAR file`, {
      hint: 'It holds 256 MiB at most, and 16 MiB may wait for a slow disk: run fewer requests, or write it to a faster one.',
      details: { lost },
    });
  }
}
