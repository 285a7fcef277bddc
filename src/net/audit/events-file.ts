import { jsonLine } from '../../util/json-line.ts';
import { AuditOutput, type AuditOutputOptions } from './audit-output.ts';
import type { SandboxNetworkEvent } from './network-event.ts';
import { redactEvent } from './redact-event.ts';

/** `--events FILE`: writes every event as a line of JSON when it happens. docs/network-audit.md lists the fields. */
export class EventsFile {
  readonly #output: AuditOutput;

  private constructor(output: AuditOutput) {
    this.#output = output;
  }

  /** @throws {GondolinError} NET_AUDIT_UNUSABLE */
  static async open(
    path: string,
    options: Pick<AuditOutputOptions, 'maxLength'> = {},
  ): Promise<EventsFile> {
    const toBatch = (lines: readonly string[]) => ({ text: lines.join(''), position: null });
    return new EventsFile(await AuditOutput.open(path, { ...options, needsFile: false, toBatch }));
  }

  /** Never throws and never blocks. */
  write({ sandbox, event }: SandboxNetworkEvent): void {
    const { timestampMs, kind, ...facts } = redactEvent(event);
    const time = new Date(timestampMs).toISOString();
    this.#output.push(jsonLine({ type: 'network', kind, time, sandbox, ...facts }));
  }

  /**
   * Writes what waits. A last line counts those that were dropped because of a slow disk or a full file.
   * @throws {GondolinError} NET_AUDIT_FAILED
   */
  async close(): Promise<void> {
    const count = this.#output.lost;
    await this.#output.close(count === 0 ? [] : [jsonLine({ type: 'lost', count })]);
  }
}
