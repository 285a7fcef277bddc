import {
  type Decoder,
  integer,
  literal,
  nullable,
  number,
  object,
  text,
} from '../util/json-decoder.ts';

/** Facts about a VM that its owner shows to other commands of this user. It has neither a command line nor a secret. */
export interface SessionFacts {
  /** 12 hexadecimal digits. */
  readonly id: string;
  /** Process that owns the VM. */
  readonly pid: number;
  readonly state: 'starting' | 'running';
  /** The owner's name for it, or null. */
  readonly label: string | null;
  /** Project and sandbox of a `gondolin run`, or null. */
  readonly project: string | null;
  readonly sandbox: string | null;
  /** Directory of the project file, else the one that the owner was started in. */
  readonly directory: string;
  /** The image's name, or null for one that the owner brought. */
  readonly image: string | null;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly createdAtMs: number;
}

/** Facts that the owner gives; the session adds the others. */
export type OwnedFacts = Omit<SessionFacts, 'id' | 'pid' | 'state' | 'createdAtMs'>;

const SESSION_ID = /^[0-9a-f]{12}$/;

export const sessionFacts: Decoder<SessionFacts> = object<SessionFacts>({
  id: text({ pattern: SESSION_ID }),
  pid: integer({ min: 1 }),
  state: literal('starting', 'running'),
  label: nullable(text()),
  project: nullable(text()),
  sandbox: nullable(text()),
  directory: text(),
  image: nullable(text()),
  cpus: integer({ min: 1 }),
  memoryBytes: integer(),
  createdAtMs: number,
});
