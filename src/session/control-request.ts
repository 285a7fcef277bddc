import {
  anything,
  boolean,
  decodeOrNull,
  decodeValue,
  integer,
  list,
  literal,
  number,
  object,
  tagged,
  text,
  withDefault,
} from '../util/json-decoder.ts';

/** What a command asks of a running gondolin: one line of JSON, answered by one line. */
export type ControlRequest =
  | { readonly method: 'describe' }
  | {
      readonly method: 'snapshot';
      readonly sandbox: string;
      readonly name: string;
      /** Takes the place of a snapshot of that name. */
      readonly isReplacing: boolean;
    };

/** What `describe` answers. */
export interface SessionFacts {
  readonly pid: number;
  readonly project: string;
  /** Directory of the project file. */
  readonly directory: string;
  readonly startedAtMs: number;
  /** Names of the sandboxes whose machines run now. */
  readonly sandboxes: readonly string[];
}

/** The answer to a `snapshot`. */
export interface SnapshotSaved {
  readonly diskBytes: number;
}

/** The reply line. An error travels as code, message and hint. */
export type ControlReply =
  | { readonly ok: true; readonly result: unknown }
  | {
      readonly ok: false;
      readonly error: { readonly code: string; readonly message: string; readonly hint: string };
    };

const controlRequest = tagged<ControlRequest>('method', {
  describe: object<ControlRequest & { method: 'describe' }>({ method: literal('describe') }),
  snapshot: object<ControlRequest & { method: 'snapshot' }>({
    method: literal('snapshot'),
    sandbox: text(),
    name: text(),
    isReplacing: withDefault(boolean, false),
  }),
});

const controlReply = tagged<ControlReply>('ok', {
  true: object<ControlReply & { ok: true }>({ ok: literal(true), result: anything }),
  false: object<ControlReply & { ok: false }>({
    ok: literal(false),
    error: object({ code: text(), message: text(), hint: text() }),
  }),
});

const sessionFacts = object<SessionFacts>({
  pid: integer({ min: 1 }),
  project: text(),
  directory: text(),
  startedAtMs: number,
  sandboxes: list(text()),
});

/** Reads a request; null for anything else. Pure. */
export function parseRequest(json: string): ControlRequest | null {
  return decodeOrNull(json, controlRequest);
}

/** Reads a reply; null for anything else. Pure. */
export function parseReply(json: string): ControlReply | null {
  return decodeOrNull(json, controlReply);
}

/** Reads the result of `describe`; null for anything else. Pure. */
export function parseSessionFacts(value: unknown): SessionFacts | null {
  const decoded = decodeValue(value, sessionFacts);
  return decoded.ok ? decoded.value : null;
}
