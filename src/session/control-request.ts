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

/** A request to a running gondolin: one line of JSON. The reply is one line too. */
export type ControlRequest =
  | { readonly method: 'describe' }
  | {
      readonly method: 'snapshot';
      readonly sandbox: string;
      readonly name: string;
      /** Replaces an existing snapshot of that name. */
      readonly isReplacing: boolean;
    };

/** The reply to `describe`. */
export interface SessionFacts {
  readonly pid: number;
  readonly project: string;
  /** Directory of the project file. */
  readonly directory: string;
  readonly startedAtMs: number;
  /** Names of the sandboxes whose VMs are running. */
  readonly sandboxes: readonly string[];
}

/** The reply to `snapshot`. */
export interface SnapshotSaved {
  readonly diskBytes: number;
}

/** A reply line. An error is sent as its code, message and hint. */
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

/** Parses a request; returns null if it is invalid. Pure. */
export function parseRequest(json: string): ControlRequest | null {
  return decodeOrNull(json, controlRequest);
}

/** Parses a reply; returns null if it is invalid. Pure. */
export function parseReply(json: string): ControlReply | null {
  return decodeOrNull(json, controlReply);
}

/** Checks the result of `describe`; returns null if it is invalid. Pure. */
export function parseSessionFacts(value: unknown): SessionFacts | null {
  const decoded = decodeValue(value, sessionFacts);
  return decoded.ok ? decoded.value : null;
}
