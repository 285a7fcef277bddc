import { type Fields, fieldValue } from '../../fields.ts';

/** A request that is answered by the host itself. */
export interface Refusal {
  /** 400..599 */
  readonly status: number;
  /** A stable word for scripts: the reason of a block, or the code of an error. */
  readonly reason: string;
  /** One sentence. */
  readonly message: string;
  readonly host: string;
  readonly port: number;
  /** The entry of the configuration that decided; empty when none did. */
  readonly rule: string;
  /** What to change in gondolin.yaml: a line to add, or `remove …`; empty when nothing would help. */
  readonly suggestion: string;
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
 * The answer a refusal is told with: text for people and logs, JSON for clients that ask for it. `x-gondolin-refused`
 * tells it apart from an answer of the server.
 *
 * @param accept  Fields of the request; untrusted.
 */
export function renderRefusal(
  refusal: Refusal,
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

function jsonBody(refusal: Refusal): string {
  const { status, reason, message, host, port, rule, suggestion } = refusal;
  const move = suggestion === '' ? '' : `; ${moveTitle(suggestion)} ${suggestion}`;
  // Clients such as npm print `error` after the status, and an object as "[object Object]".
  const error = `gondolin: ${message}${move}`;
  const gondolin = { status, reason, message, host, port, rule, suggestion };
  return `${JSON.stringify({ error, gondolin })}\n`;
}

/** Most suggestions are lines; what takes one away says so itself. */
function moveTitle(suggestion: string): string {
  return suggestion.startsWith('remove ') ? 'in gondolin.yaml:' : 'add to gondolin.yaml:';
}

function textBody(refusal: Refusal): string {
  const lines = [`gondolin: ${refusal.message}`, `host: ${refusal.host}`, `port: ${refusal.port}`];
  lines.push(`reason: ${refusal.reason}`);
  if (refusal.rule !== '') lines.push(`rule: ${refusal.rule}`);
  const { suggestion } = refusal;
  if (suggestion !== '') lines.push(moveTitle(suggestion), `  ${suggestion}`);
  return `${lines.join('\n')}\n`;
}
