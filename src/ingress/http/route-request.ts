import { type IncomingMessage, METHODS } from 'node:http';
import { isPort } from '../../address/port.ts';
import { GondolinError } from '../../errors/gondolin-error.ts';
import type {
  IngressCall,
  IngressHeaders,
  IngressRequest,
  IngressRequestPatch,
} from '../ingress-hooks.ts';
import { findRoute, pathForServer, type Route } from '../routes/ingress-route.ts';
import { LISTENERS_PATH } from '../routes/listeners-text.ts';
import type { RouteTable } from '../routes/route-table.ts';
import { callHook, hookFailed } from './call-hook.ts';
import { allFields, endToEndFields, listMembers, patchFields } from './fields.ts';
import type { GatewaySettings } from './gateway-settings.ts';

/** A request with all that its hooks decided. */
export interface RoutedRequest {
  readonly request: IngressRequest;
  /** All fields for the server, those about the connection included. */
  readonly fields: IngressHeaders;
  readonly hasBody: boolean;
  readonly isWebSocket: boolean;
  readonly bufferResponseBody: boolean;
  readonly maxBufferedResponseBodyBytes: number;
}

const TARGET = /^\/[!-"$-~]*$/;

function invalid(problem: string): GondolinError {
  return new GondolinError('INGRESS_REQUEST_INVALID', problem);
}

/** Returns the path and query, with dot segments resolved: hooks, routes and the server all see the same path. */
function readTarget(message: IncomingMessage): URL {
  const target = message.url ?? '';
  const isAbsolute = /^https?:\/\//i.test(target);
  if (!target.startsWith('/') && !isAbsolute) throw invalid('the target of the request is no path');
  if ((message.headersDistinct['host'] ?? []).length > 1) {
    throw invalid('the request has several Host fields');
  }
  const url = URL.canParse(isAbsolute ? target : `http://ingress${target}`)
    ? new URL(isAbsolute ? target : `http://ingress${target}`)
    : null;
  if (url === null || !TARGET.test(url.pathname + url.search)) {
    throw invalid('the target of the request is no path');
  }
  return url;
}

async function chooseRoute(routes: RouteTable, path: string): Promise<Route> {
  // The guest may have written the file a moment ago.
  const route = findRoute(await routes.routes(), path) ?? findRoute(await routes.reload(), path);
  if (route !== null) return route;
  throw new GondolinError('INGRESS_NO_ROUTE', `no line of ${LISTENERS_PATH} covers this path`);
}

/** Returns true for a WebSocket handshake. Other upgrades are ignored: what follows them would escape the hooks. */
export function isWebSocketHandshake(message: IncomingMessage): boolean {
  return message.method === 'GET' && message.headers.upgrade?.toLowerCase() === 'websocket';
}

/** Returns true if a body follows the head. */
export function hasBody(message: IncomingMessage): boolean {
  const { 'transfer-encoding': coding, 'content-length': length } = message.headers;
  return coding !== undefined || (length !== undefined && Number(length) !== 0);
}

function forwardedFields(
  message: IncomingMessage,
  call: IngressCall,
): Readonly<Record<string, string>> {
  const { route, clientIp } = call;
  const before = message.headersDistinct['x-forwarded-for'] ?? [];
  const { host } = message.headers;
  const isStripped = route.stripPrefix && route.prefix !== '/';
  return {
    'x-forwarded-for': [...before, clientIp].join(', '),
    'x-forwarded-proto': 'http',
    ...(host === undefined ? {} : { 'x-forwarded-host': host }),
    ...(isStripped ? { 'x-forwarded-prefix': route.prefix } : {}),
  };
}

/** Returns the fields of the gateway's own connection to the server. */
function connectionFields(message: IncomingMessage, isWebSocket: boolean): IngressHeaders {
  if (isWebSocket) return { connection: 'Upgrade', upgrade: 'websocket' };
  const wantsTrailers = listMembers(message.headersDistinct['te']).includes('trailers');
  return {
    connection: wantsTrailers ? 'close, TE' : 'close',
    ...(wantsTrailers ? { te: 'trailers' } : {}),
    ...(message.headers['transfer-encoding'] === undefined
      ? {}
      : { 'transfer-encoding': 'chunked' }),
  };
}

function applyPatch(request: IngressRequest, patch: IngressRequestPatch): IngressRequest {
  const { method, backendPort, backendTarget } = { ...request, ...definedOnly(patch) };
  if (!METHODS.includes(method) || method === 'CONNECT') {
    throw hookFailed('onRequest', 'returned a method that is not one of HTTP');
  }
  if (!isPort(backendPort)) throw hookFailed('onRequest', 'returned a port that is not 1 to 65535');
  if (typeof backendTarget !== 'string' || !TARGET.test(backendTarget)) {
    throw hookFailed('onRequest', 'returned a target that is not a path');
  }
  const headers = { ...request.headers };
  patchFields('onRequest', headers, patch.headers);
  return { ...request, method, backendPort, backendTarget, headers };
}

function definedOnly<T extends object>(patch: T): T {
  return Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined)) as T;
}

/**
 * Finds the route of a request and asks the hooks.
 * @throws {GondolinError} INGRESS_REQUEST_INVALID, INGRESS_NO_ROUTE, INGRESS_ROUTES_INVALID, INGRESS_REFUSED,
 *   INGRESS_HOOK_FAILED; {IngressRequestBlockedError} of a hook.
 */
export async function routeRequest(
  message: IncomingMessage,
  settings: GatewaySettings,
): Promise<RoutedRequest> {
  const { hooks, routes } = settings;
  const url = readTarget(message);
  const route = await chooseRoute(routes, url.pathname);
  const call: IngressCall = {
    clientIp: message.socket.remoteAddress ?? '',
    method: message.method ?? 'GET',
    path: url.pathname + url.search,
    headers: allFields(message),
    route,
  };
  const { isAllowed, onRequest } = hooks;
  if (isAllowed !== undefined && !(await callHook('isAllowed', () => isAllowed(call)))) {
    throw new GondolinError('INGRESS_REFUSED', 'the request is not allowed');
  }
  const isWebSocket = isWebSocketHandshake(message);
  if (isWebSocket && !settings.allowWebSockets) {
    throw new GondolinError('INGRESS_REFUSED', 'WebSockets are not allowed');
  }
  const offered: IngressRequest = {
    ...call,
    headers: { ...endToEndFields(message), ...forwardedFields(message, call) },
    backendPort: route.port,
    backendTarget: pathForServer(route, url.pathname) + url.search,
  };
  const patch = (await callHook('onRequest', () => onRequest?.(offered))) ?? {};
  const request = applyPatch(offered, patch);
  const fields = { ...request.headers, ...connectionFields(message, isWebSocket) };
  if (fields['transfer-encoding'] !== undefined) delete fields['content-length'];
  const { bufferResponseBody, maxBufferedResponseBodyBytes } = {
    ...settings,
    ...definedOnly(patch),
  };
  return {
    request,
    fields,
    hasBody: hasBody(message),
    isWebSocket,
    bufferResponseBody,
    maxBufferedResponseBodyBytes,
  };
}
