import type { Duplex } from 'node:stream';
import { type IpAddress, parseAddress, unwrapMapped } from '../address/ip-address.ts';
import type { AgentClient } from '../agent/agent-client.ts';
import type { ErrorCode } from '../errors/codes.ts';
import { GondolinError } from '../errors/gondolin-error.ts';
import { RESET } from '../protocol/constants.ts';

/**
 * Options of {@link VM.connect}.
 *
 * @example
 * const options: ConnectOptions = { host: '172.17.0.2', signal: AbortSignal.timeout(2_000) };
 * const socket = await vm.connect(5432, options);
 */
export interface ConnectOptions {
  /**
   * An address of the guest, or of a container in it: an IP address, or `localhost`.
   * @default 127.0.0.1, then ::1, then the guest's other addresses
   */
  readonly host?: string;
  /** Gives the attempt up; has no effect on the connection afterwards. */
  readonly signal?: AbortSignal;
}

const OUTCOMES = new Map<number, { readonly code: ErrorCode; readonly text: string }>([
  [RESET.REFUSED, { code: 'VM_CONNECT_REFUSED', text: 'nothing listens there' }],
  [RESET.TIMED_OUT, { code: 'VM_CONNECT_TIMEOUT', text: 'the server did not accept in time' }],
  [
    RESET.HOST_UNREACHABLE,
    { code: 'VM_CONNECT_UNREACHABLE', text: 'it is not an address of the guest' },
  ],
]);

/**
 * Connects to a server in the guest.
 * @throws {GondolinError} VM_BAD_OPTION, VM_CONNECT_REFUSED, VM_CONNECT_TIMEOUT, VM_CONNECT_UNREACHABLE, VM_CONNECT_ABORTED,
 *   AGENT_TIMEOUT, MUX_…
 */
export async function connectTo(
  agent: AgentClient,
  port: number,
  { host, signal }: ConnectOptions,
): Promise<Duplex> {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new GondolinError('VM_BAD_OPTION', `port: got ${String(port)}, want 1 to 65535`);
  }
  const address = toAddress(host);
  try {
    return await agent.connect({ port, address, ...(signal === undefined ? {} : { signal }) });
  } catch (error) {
    throw explain(error, `port ${port} of ${host ?? 'the guest'}`, signal);
  }
}

/** Returns null for any address of the guest. @throws {GondolinError} VM_BAD_OPTION */
function toAddress(host: string | undefined): IpAddress | null {
  if (host === undefined || host === 'localhost') return null;
  const address = parseAddress(host);
  if (address !== null) return unwrapMapped(address);
  throw new GondolinError(
    'VM_BAD_OPTION',
    `option host: got ${JSON.stringify(host)}, want an IP address of the guest or 'localhost'`,
  );
}

function explain(error: unknown, where: string, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true) {
    const message = `the attempt to connect to ${where} was cancelled`;
    return new GondolinError('VM_CONNECT_ABORTED', message, { cause: error });
  }
  if (!GondolinError.is(error) || error.code !== 'MUX_STREAM_RESET') return error;
  const outcome = OUTCOMES.get(Number(error.details?.['reason']));
  if (outcome === undefined) return error;
  const message = `cannot connect to ${where}: ${outcome.text}`;
  return new GondolinError(outcome.code, message, { cause: error });
}
