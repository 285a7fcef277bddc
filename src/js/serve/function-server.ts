import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { FunctionMetrics } from './function-metrics.ts';
import type { FunctionPool } from './function-pool.ts';

export interface FunctionServerOptions {
  /** Functions by name. */
  readonly functions: ReadonlyMap<string, FunctionPool>;
  /** Longest body of a request. */
  readonly maxBodyBytes: number;
}

/** HTTP status of an error that a call ends with; any other is 500. */
const STATUS: Readonly<Record<string, number>> = {
  ERR_CANCELLED: 504,
  ERR_INVALID_ARG: 400,
  FUNCTIONS_BUSY: 503,
};

/** An answer that is no result of a function. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Serves each function at `POST /NAME`: the body is its event, the response its result, both JSON; and `GET /metrics`. Not listening yet.
 * Only `application/json` is taken, so that a page in a browser of this machine cannot call a function.
 */
export function createFunctionServer({ functions, maxBodyBytes }: FunctionServerOptions): Server {
  const metrics = new FunctionMetrics();
  const call = async (name: string, pool: FunctionPool, event: unknown): Promise<string> => {
    const started = performance.now();
    let outcome = 'ok';
    try {
      return JSON.stringify(await pool.call(event));
    } catch (error) {
      outcome = GondolinError.is(error) ? error.code : 'fault';
      throw error;
    } finally {
      metrics.count(name, outcome, performance.now() - started);
    }
  };
  const gauges = () =>
    [...functions].map(([name, { sandboxes, waiting }]) => ({ name, sandboxes, waiting }));
  const answer = async (request: IncomingMessage): Promise<{ type: string; text: string }> => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    if (path === '/metrics' && request.method === 'GET') {
      return { type: 'text/plain; version=0.0.4', text: metrics.render(gauges()) };
    }
    const name = decodeURIComponent(path.slice(1));
    const pool = functions.get(name);
    if (pool === undefined) throw new Refusal(404, `there is no function '${name.slice(0, 100)}'`);
    if (request.method !== 'POST') throw new Refusal(405, 'call a function with POST');
    const event = await readEvent(request, maxBodyBytes);
    return { type: 'application/json', text: await call(name, pool, event) };
  };
  return createServer((request, response) => {
    answer(request).then(
      ({ type, text }) => respond(response, 200, type, text),
      (error: unknown) => refuse(response, error),
    );
  });
}

async function readEvent(request: IncomingMessage, maxBodyBytes: number): Promise<unknown> {
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new Refusal(415, 'send the event with Content-Type: application/json');
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBodyBytes) {
      throw new Refusal(413, `the event has more than ${maxBodyBytes} bytes`);
    }
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch (error) {
    throw new Refusal(400, `the event is not JSON: ${(error as Error).message}`);
  }
}

function respond(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

function refuse(response: ServerResponse, error: unknown): void {
  const [status, code] =
    error instanceof Refusal
      ? [error.status, 'REQUEST_REFUSED']
      : GondolinError.is(error)
        ? [STATUS[error.code] ?? 500, error.code]
        : [500, 'ERR_INTERNAL'];
  const message = error instanceof Error ? error.message : String(error);
  // What is left of a body that was refused is not read.
  if (status === 413) response.setHeader('connection', 'close');
  respond(response, status, 'application/json', JSON.stringify({ error: { code, message } }));
}
