import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { relay, resetStream } from '../relay.ts';
import { endToEndFields } from './fields.ts';
import type { GatewaySettings } from './gateway-settings.ts';
import { passResponseOn } from './pass-response-on.ts';
import { refuse } from './refuse.ts';
import { type RoutedRequest, routeRequest } from './route-request.ts';
import { type ServerReply, sendRequest } from './send-request.ts';

/** The client's connection during a handshake, and the bytes that followed its head. */
export interface Handshake {
  readonly socket: Socket;
  readonly head: Buffer;
}

/** Tells a client's departure from failures that it is to hear of. */
class ClientGone extends Error {}

/** Passes a `101 Switching Protocols` on, then carries bytes both ways. */
function switchProtocols(
  reply: Extract<ServerReply, { kind: 'upgrade' }>,
  server: Duplex,
  { socket, head }: Handshake,
  response: ServerResponse,
): void {
  const fields = { ...endToEndFields(reply.response), connection: 'Upgrade', upgrade: 'websocket' };
  response.writeHead(101, fields);
  response.end();
  response.detachSocket(socket);
  socket.write(reply.head);
  server.write(head);
  relay(socket, server);
}

async function exchange(
  message: IncomingMessage,
  response: ServerResponse,
  handshake: Handshake | null,
  settings: GatewaySettings,
  signal: AbortSignal,
): Promise<void> {
  const routed = await routeRequest(message, settings);
  signal.throwIfAborted();
  const server = await settings.dialer.dial(routed.request.backendPort, signal);
  const end = () => server.destroy();
  signal.addEventListener('abort', end, { once: true });
  let isRelayed = false;
  try {
    signal.throwIfAborted();
    const reply = await sendRequest(server, routed, message, response, settings.responseTimeoutMs);
    isRelayed = await deliver(reply, { routed, server, response, handshake, settings });
  } finally {
    signal.removeEventListener('abort', end);
    if (!isRelayed) resetStream(server);
  }
}

interface Delivery {
  readonly routed: RoutedRequest;
  readonly server: Duplex;
  readonly response: ServerResponse;
  readonly handshake: Handshake | null;
  readonly settings: GatewaySettings;
}

/** Gives the client the server's reply. Returns true if the connection to the server remains in use. */
async function deliver(reply: ServerReply, delivery: Delivery): Promise<boolean> {
  const { routed, server, response, handshake, settings } = delivery;
  if (reply.kind === 'response') {
    await passResponseOn(reply.response, routed, response, settings.hooks);
    return false;
  }
  const isWebSocket = reply.response.headers.upgrade?.toLowerCase() === 'websocket';
  if (handshake === null || !routed.isWebSocket || !isWebSocket) {
    const message = 'the server in the guest switched to a protocol that was not requested';
    throw new GondolinError('INGRESS_SERVER_FAILED', message);
  }
  switchProtocols(reply, server, handshake, response);
  return true;
}

/** Serves one request to its end. Never rejects: the client gets every failure as a response. */
export async function serveExchange(
  message: IncomingMessage,
  response: ServerResponse,
  handshake: Handshake | null,
  settings: GatewaySettings,
): Promise<void> {
  const client = new AbortController();
  const gone = () => client.abort(new ClientGone());
  response.once('close', gone);
  try {
    await exchange(message, response, handshake, settings, client.signal);
  } catch (error) {
    if (client.signal.aborted) return;
    settings.log(logLine(message, error));
    refuse(response, error);
  } finally {
    response.off('close', gone);
  }
}

function logLine({ method = '' }: IncomingMessage, error: unknown): string {
  const cause = GondolinError.is(error) && error.cause instanceof Error ? error.cause.message : '';
  const text = error instanceof Error ? error.message : String(error);
  return `${method}: ${text}${cause === '' ? '' : `: ${cause}`}`;
}
