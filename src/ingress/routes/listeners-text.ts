import { parsePort } from '../../address/port.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { printable } from '../../protocol/printable.ts';
import type { IngressRoute, Route } from './ingress-route.ts';

/** Path of the routes file in the guest. */
export const LISTENERS_PATH = '/etc/gondolin/listeners';
/** Largest routes file. */
export const MAX_LISTENERS_BYTES = 64 * 1024;
const MAX_ROUTES = 256;
const MAX_PREFIX_LENGTH = 1_024;
const MAX_SHOWN = 60;
/** Visible ASCII without the characters that end a path; `#` starts a comment, so it cannot occur. */
const PREFIX = /^\/[!-"$->@-~]*$/;

function invalid(place: string, problem: string): GondolinError {
  return new GondolinError('INGRESS_ROUTES_INVALID', `${place}: ${problem}`);
}

/** Returns a prefix without its final slashes, or why it is not one. */
function checkPrefix(text: string, place: string): string {
  if (!PREFIX.test(text) || text.length > MAX_PREFIX_LENGTH) {
    throw invalid(place, 'the prefix is not a path that starts with /');
  }
  const { pathname } = new URL(`http://ingress${text}`);
  if (pathname !== text) throw invalid(place, `the prefix is not in its plain form, ${pathname}`);
  return text.replace(/\/+$/, '') || '/';
}

function parseOption(word: string, place: string): boolean | null {
  const [name = '', value = '', ...rest] = word.split('=');
  if (name === '' || rest.length > 0 || !word.includes('=')) {
    throw invalid(place, 'what follows the port is not of the form name=value');
  }
  // Options of other versions are left alone.
  if (name !== 'strip_prefix') return null;
  if (value !== 'true' && value !== 'false') {
    throw invalid(place, 'strip_prefix is neither true nor false');
  }
  return value === 'true';
}

function parseLine(line: string, place: string): Route {
  const [prefixText = '', portText = '', ...options] = line.split(/[ \t]+/);
  const prefix = checkPrefix(prefixText, place);
  const port = portText.startsWith(':') ? parsePort(portText.slice(1)) : null;
  if (port === null) throw invalid(place, 'the prefix is not followed by a port such as :8000');
  let stripPrefix = true;
  for (const word of options) stripPrefix = parseOption(word, place) ?? stripPrefix;
  return { prefix, port, stripPrefix };
}

function checkRoutes(routes: readonly Route[], where: string): readonly Route[] {
  if (routes.length > MAX_ROUTES) throw invalid(where, `more than ${MAX_ROUTES} routes`);
  const seen = new Set<string>();
  for (const { prefix } of routes) {
    if (seen.has(prefix)) {
      const shown = printable(prefix).slice(0, MAX_SHOWN);
      throw invalid(where, `two routes have the prefix ${shown}`);
    }
    seen.add(prefix);
  }
  return routes;
}

/**
 * Parses the routes file: a line `PREFIX :PORT [strip_prefix=true|false]` for each route; `#` starts a comment.
 * @param text  Untrusted text of the guest.
 * @throws {GondolinError} INGRESS_ROUTES_INVALID with the number of the line.
 */
export function parseListeners(text: string): readonly Route[] {
  if (Buffer.byteLength(text) > MAX_LISTENERS_BYTES) {
    throw invalid(LISTENERS_PATH, `longer than ${MAX_LISTENERS_BYTES} bytes`);
  }
  const routes: Route[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.replace(/#.*$/s, '').trim();
    if (line === '') continue;
    if (routes.length === MAX_ROUTES) {
      throw invalid(LISTENERS_PATH, `more than ${MAX_ROUTES} routes`);
    }
    routes.push(parseLine(line, `${LISTENERS_PATH}:${index + 1}`));
  }
  return checkRoutes(routes, LISTENERS_PATH);
}

/** Formats routes as the routes file. @throws {GondolinError} INGRESS_ROUTES_INVALID. */
export function formatListeners(routes: readonly IngressRoute[]): string {
  const checked = routes.map(({ prefix, port, stripPrefix = true }, index): Route => {
    const place = `routes[${index}]`;
    if (typeof prefix !== 'string') throw invalid(place, 'the prefix is not a text');
    if (parsePort(String(port)) === null) throw invalid(place, 'the port is not 1 to 65535');
    return { prefix: checkPrefix(prefix, place), port, stripPrefix };
  });
  return checkRoutes(checked, 'routes')
    .map(({ prefix, port, stripPrefix }) => {
      return `${prefix} :${port}${stripPrefix ? '' : ' strip_prefix=false'}\n`;
    })
    .join('');
}
