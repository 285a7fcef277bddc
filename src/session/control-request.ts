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

function recordOf(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Reads a request; null for anything else. Pure. */
export function parseRequest(text: string): ControlRequest | null {
  const value = recordOf(text);
  if (value?.['method'] === 'describe') return { method: 'describe' };
  if (value?.['method'] !== 'snapshot') return null;
  const { sandbox, name, isReplacing } = value;
  if (typeof sandbox !== 'string' || typeof name !== 'string') return null;
  return { method: 'snapshot', sandbox, name, isReplacing: isReplacing === true };
}

/** Reads a reply; null for anything else. Pure. */
export function parseReply(text: string): ControlReply | null {
  const value = recordOf(text);
  if (value?.['ok'] === true) return { ok: true, result: value['result'] };
  if (value?.['ok'] !== false) return null;
  const { code, message, hint } = Object(value['error']) as Record<string, unknown>;
  const areTexts = [code, message, hint].every((field) => typeof field === 'string');
  if (!areTexts) return null;
  return { ok: false, error: { code: String(code), message: String(message), hint: String(hint) } };
}

/** Reads what `describe` answered; null for anything else. Pure. */
export function parseFacts(value: unknown): SessionFacts | null {
  if (typeof value !== 'object' || value === null) return null;
  const { pid, project, directory, startedAtMs, sandboxes } = value as Record<string, unknown>;
  const isFine =
    Number.isSafeInteger(pid) &&
    typeof project === 'string' &&
    typeof directory === 'string' &&
    Number.isFinite(startedAtMs) &&
    Array.isArray(sandboxes) &&
    sandboxes.every((name) => typeof name === 'string');
  return isFine ? (value as SessionFacts) : null;
}
