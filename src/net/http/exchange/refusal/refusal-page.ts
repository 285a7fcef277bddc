import type { Blocked, Check, Failed, Leak, Refusal } from '../../../refusal/refusal.ts';
import {
  leakAdvice,
  ruleReasonText,
  ruleText,
  suggestionText,
} from '../../../refusal/refusal-text.ts';
import { type Fields, fieldValue } from '../../fields.ts';

/** The response of the host itself to a request that it refuses. */
export interface RefusalPage {
  /** 400..599 */
  readonly status: number;
  /** A stable word for scripts: a reason of docs/network.md, "Refusals", or the code of an error. */
  readonly reason: string;
  /** One sentence without its full stop. */
  readonly message: string;
  readonly host: string;
  readonly port: number;
  /** The entry of the configuration that decided; empty when none did. */
  readonly rule: string;
  /** The change to gondolin.yaml: a line to add, or `remove …`; empty when none would help. */
  readonly suggestion: string;
}

/** Where the refused request wanted to go. */
export interface RefusedTarget {
  readonly name: string;
  readonly port: number;
}

const CHECK_PAGES: Readonly<Partial<Record<Check, readonly [status: number, message: string]>>> = {
  authority: [421, 'the request names another host or port than its connection'],
  method: [405, 'the method of the request is not supported'],
  target: [400, 'the request target is not a path'],
  several_hosts: [400, 'the request has more than one Host'],
  missing_host: [400, 'the request has no Host'],
  http10_transfer_encoding: [400, 'HTTP/1.0 has no Transfer-Encoding'],
  overrides: [400, 'the request has more than four fields that override its method or path'],
  hook_url: [502, 'a hook returned a URL that is not http or https'],
};

const FAILED_STATUS: Readonly<Partial<Record<Failed['code'], number>>> = {
  busy: 503,
  NET_SECRET_LIMIT: 431,
  NET_BODY_LIMIT: 413,
  NET_UPSTREAM_TIMEOUT: 504,
  NET_DIAL_TIMEOUT: 504,
};

function blockedHead(refusal: Blocked, host: string): Pick<RefusalPage, 'status' | 'message'> {
  const [first] = refusal.decidedBy;
  const page = first?.by === 'check' ? CHECK_PAGES[first.check] : undefined;
  if (page !== undefined) return { status: page[0], message: page[1] };
  return { status: 403, message: `blocked this request: ${blockedClause(refusal, host)}` };
}

function blockedClause(refusal: Blocked, host: string): string {
  if (refusal.reason === 'private_address') return 'its address is not public';
  const own = ruleReasonText(refusal);
  return own === '' ? `Network access denied for host: ${host}` : own;
}

function leakMessage(leak: Leak): string {
  const { secret, where, reason } = leak;
  if (reason === 'revoked') return `blocked this request: secret ${secret} was revoked`;
  const what = `the placeholder of secret ${secret} was sent where it may not go: ${where}`;
  return `blocked this request: ${what}; ${leakAdvice(leak)}`;
}

/** Lays a refusal out as the guest gets it. */
export function toRefusalPage(refusal: Refusal, { name: host, port }: RefusedTarget): RefusalPage {
  const page = { host, port, rule: '', suggestion: '' };
  switch (refusal.kind) {
    case 'blocked':
      return {
        ...page,
        ...blockedHead(refusal, host),
        reason: refusal.reason,
        rule: ruleText(refusal),
        suggestion: suggestionText(refusal.suggest),
      };
    case 'leak':
      return { ...page, status: 403, reason: 'secret_leak', message: leakMessage(refusal) };
    case 'failed': {
      const { code, message } = refusal;
      return { ...page, status: FAILED_STATUS[code] ?? 502, reason: code, message };
    }
  }
}

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  405: 'Method Not Allowed',
  413: 'Content Too Large',
  421: 'Misdirected Request',
  431: 'Request Header Fields Too Large',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

/**
 * Renders a refusal as a response: text for people and logs, JSON for clients that ask for it. `x-gondolin-refused`
 * distinguishes it from a response of the server.
 *
 * @param requestFields  Untrusted.
 */
export function renderRefusal(
  refusal: RefusalPage,
  requestFields: Fields,
): { readonly statusText: string; readonly fields: Fields; readonly body: Buffer } {
  const isJson = wantsJson(fieldValue(requestFields, 'accept'));
  const body = Buffer.from(isJson ? jsonBody(refusal) : textBody(refusal));
  const fields = [
    'content-type',
    isJson ? 'application/json' : 'text/plain; charset=utf-8',
    'content-length',
    String(body.length),
    'cache-control',
    'no-store',
    'x-gondolin-refused',
    refusal.reason,
  ];
  return { statusText: STATUS_TEXT[refusal.status] ?? 'Refused', fields, body };
}

function wantsJson(accept: string | null): boolean {
  return (
    accept !== null &&
    /\bapplication\/(?:[\w.+-]+\+)?json\b/i.test(accept) &&
    !/text\/html/i.test(accept)
  );
}

function jsonBody(refusal: RefusalPage): string {
  const { status, reason, message, host, port, rule, suggestion } = refusal;
  const move = suggestion === '' ? '' : `; ${moveTitle(suggestion)} ${suggestion}`;
  // Clients such as npm print `error` after the status, and an object as "[object Object]".
  const error = `gondolin: ${message}${move}`;
  const gondolin = { status, reason, message, host, port, rule, suggestion };
  return `${JSON.stringify({ error, gondolin })}\n`;
}

/** Most suggestions are lines to add; one that removes an entry says so itself. */
function moveTitle(suggestion: string): string {
  return suggestion.startsWith('remove ') ? 'in gondolin.yaml:' : 'add to gondolin.yaml:';
}

function textBody(refusal: RefusalPage): string {
  const lines = [`gondolin: ${refusal.message}`, `host: ${refusal.host}`, `port: ${refusal.port}`];
  lines.push(`reason: ${refusal.reason}`);
  if (refusal.rule !== '') lines.push(`rule: ${refusal.rule}`);
  const { suggestion } = refusal;
  if (suggestion !== '') lines.push(moveTitle(suggestion), `  ${suggestion}`);
  return `${lines.join('\n')}\n`;
}
