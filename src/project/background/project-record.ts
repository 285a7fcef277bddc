import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../../host/atomic-write.ts';
import { lifeOf, type ProcessIdentity } from '../../host/process-life.ts';
import {
  boolean,
  type Decoder,
  decodeOrNull,
  integer,
  list,
  literal,
  nullable,
  object,
  text,
} from '../../util/json-decoder.ts';
import type { SandboxState } from '../live/sandbox-state.ts';

/** A project as `gondolin up` runs it, on disk, so that commands know it after its process was killed too. */
export interface ProjectRecord {
  readonly version: 1;
  /** The process that has the VMs. */
  readonly owner: ProcessIdentity;
  /** It outlives the terminal that it was started from. */
  readonly isBackground: boolean;
  /** Absolute path of the project file. */
  readonly file: string;
  readonly name: string;
  /** The name is that of `-p`, and not of the file. */
  readonly isNamed: boolean;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  /** As they were last known. */
  readonly sandboxes: readonly SandboxState[];
}

const sandboxState: Decoder<SandboxState> = object<SandboxState>({
  name: text(),
  matrixOf: nullable(text()),
  image: text(),
  phase: literal(
    'waiting',
    'starting',
    'steps',
    'running',
    'restarting',
    'stopping',
    'done',
    'failed',
    'stopped',
  ),
  isService: boolean,
  health: nullable(literal('starting', 'healthy', 'unhealthy')),
  step: nullable(text()),
  exitCode: nullable(integer()),
  restarts: integer(),
  vmId: nullable(text()),
  ports: list(object({ host: text(), port: integer(), guestPort: integer() })),
  since: text(),
  error: nullable(object({ code: text(), message: text() })),
});

const projectRecord: Decoder<ProjectRecord> = object<ProjectRecord>({
  version: literal(1),
  owner: object<ProcessIdentity>({
    pid: integer({ min: 1 }),
    startTicks: integer(),
    pidNamespace: integer(),
  }),
  isBackground: boolean,
  file: text(),
  name: text(),
  isNamed: boolean,
  startedAt: text(),
  sandboxes: list(sandboxState),
});

const RECORD = 'project.json';

/** Name of the directory with a project's logs. */
export const LOGS = 'logs';

/** A project that runs, or whose process was killed, with its directory. */
export interface FoundProject {
  readonly directory: string;
  readonly record: ProjectRecord;
  /** False once its process has ended without `down`. */
  readonly isAlive: boolean;
}

/**
 * Returns the directory of a project in `Directories.projects`: one for each file, and for each name that is given to it.
 * @param name  The name of `-p`; null for the project by its own name.
 */
export function projectDirectory(projects: string, file: string, name: string | null): string {
  const key = createHash('sha256')
    .update(`${file}\0${name ?? ''}`)
    .digest('hex')
    .slice(0, 16);
  return join(projects, key);
}

/** @throws {GondolinError} HOST_WRITE_FAILED */
export async function writeProjectRecord(directory: string, record: ProjectRecord): Promise<void> {
  await writeFileAtomic(join(directory, RECORD), `${JSON.stringify(record)}\n`);
}

/** Reads a project; null when there is none, or its record is damaged. */
export function readProject(directory: string): FoundProject | null {
  let json: string;
  try {
    json = readFileSync(join(directory, RECORD), 'utf8');
  } catch {
    return null;
  }
  const record = decodeOrNull(json, projectRecord);
  // One of another container cannot be seen, and counts as running: its socket decides.
  return record === null ? null : { directory, record, isAlive: lifeOf(record.owner) !== 'dead' };
}

/** Lists the projects of this user, those whose process was killed too. */
export function listProjects(projects: string): FoundProject[] {
  let names: string[];
  try {
    names = readdirSync(projects);
  } catch {
    return [];
  }
  return names.flatMap((name) => readProject(join(projects, name)) ?? []);
}

/** Forgets a project that has ended, with its logs. */
export function removeProject(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}
