import { GondolinError } from '../../../errors/gondolin-error.ts';
import { systemCode } from '../../tcp/system-code.ts';

/** Codes of undici and Node for bytes that are no valid HTTP response. */
const INVALID = new Set([
  'UND_ERR_HEADERS_OVERFLOW',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'ERR_HTTP2_ERROR',
  'ERR_HTTP2_STATUS_INVALID',
  'ERR_INVALID_CHAR',
  'ERR_INVALID_HTTP_TOKEN',
]);
const TIMEOUTS = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

/**
 * Maps a failure between the host and a server to one of our codes: the dialler's own, NET_UPSTREAM_TIMEOUT,
 * NET_UPSTREAM_INVALID or NET_UPSTREAM_CLOSED (details: code).
 */
export function upstreamError(error: Error, server: string): GondolinError {
  if (GondolinError.is(error)) return error;
  const code = systemCode(error);
  const facts = { cause: error, details: { code } };
  if (code !== null && TIMEOUTS.has(code)) {
    return new GondolinError('NET_UPSTREAM_TIMEOUT', `${server} did not respond`, facts);
  }
  const isInvalid = code !== null && (INVALID.has(code) || code.startsWith('HPE_'));
  if (error.name === 'HTTPParserError' || isInvalid) {
    return new GondolinError(
      'NET_UPSTREAM_INVALID',
      `${server} sent an invalid HTTP response`,
      facts,
    );
  }
  return new GondolinError(
    'NET_UPSTREAM_CLOSED',
    `${server} closed the connection before it responded`,
    facts,
  );
}
