import { resolve } from 'node:path';
import { packageVersion } from '../host/package-root.ts';
import type { SandboxNetworkEvent } from '../net/audit/network-event.ts';
import { usageError } from './usage-error.ts';

/** The files that a run writes its network events to. */
export interface AuditFlags {
  readonly events?: string;
  readonly har?: string;
}

/** The open audit files of a run. */
export interface RunAudit {
  /** Absolute paths, which no guest may write. */
  readonly paths: readonly string[];
  /** Never throws and never waits. */
  readonly onNetworkEvent: (event: SandboxNetworkEvent) => void;
  /** Completes and closes the files. Resolves with the errors that occurred; never rejects. */
  close(): Promise<unknown[]>;
}

interface OpenFile {
  write(event: SandboxNetworkEvent): void;
  close(): Promise<void>;
}

/**
 * Opens the files of `--events` and `--har`; relative paths start at `cwd`.
 * @throws {GondolinError} NET_AUDIT_UNUSABLE, or CLI_USAGE when both are the same file.
 */
export async function openRunAudit({ events, har }: AuditFlags, cwd: string): Promise<RunAudit> {
  const eventsPath = events === undefined ? null : resolve(cwd, events);
  const harPath = har === undefined ? null : resolve(cwd, har);
  if (eventsPath !== null && eventsPath === harPath) {
    throw usageError('--events and --har name the same file');
  }
  const files: OpenFile[] = [];
  const close = async () => {
    const ends = await Promise.allSettled(files.map((file) => file.close()));
    return ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []));
  };
  try {
    if (eventsPath !== null) {
      const { EventsFile } = await import('../net/audit/events-file.ts');
      files.push(await EventsFile.open(eventsPath));
    }
    if (harPath !== null) {
      const { HarFile } = await import('../net/audit/har-file.ts');
      files.push(await HarFile.open(harPath, packageVersion()));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    paths: [eventsPath, harPath].filter((path) => path !== null),
    onNetworkEvent: (event) => {
      for (const file of files) file.write(event);
    },
    close,
  };
}
