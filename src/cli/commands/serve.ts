import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { FunctionPool } from '../../js/serve/function-pool.ts';
import { createFunctionServer } from '../../js/serve/function-server.ts';
import { DEFAULT_SIZES } from '../../js/sizes.ts';
import type { CommandRun } from '../command-context.ts';
import { type WatchedFunctions, watchFunctions } from '../function-reload.ts';
import { buildFunction, readFunction } from '../function-source.ts';
import { openConfig } from '../open-project.ts';
import { usageError } from '../usage-error.ts';

interface ServeOptions {
  readonly listen?: string;
  readonly sandboxes?: string;
  readonly watch?: boolean;
}

const DEFAULT_PORT = 8080;
const MAX_SANDBOXES = 256;
/** Calls that wait for each sandbox. */
const WAITING_PER_SANDBOX = 64;

function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:(\[[0-9a-fA-F:]+\]|[^:[\]]+):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535) {
    throw usageError(`--listen ${text}: want [HOST:]PORT`, 'Write e.g. --listen 8080.');
  }
  return { host: (match[1] ?? '127.0.0.1').replace(/^\[|\]$/g, ''), port };
}

function parseSandboxes(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= MAX_SANDBOXES) return count;
  throw usageError(`--sandboxes ${text}: want a whole number from 1 to ${MAX_SANDBOXES}`);
}

/** `serve`: serves the project's functions by HTTP until Ctrl-C. */
export const serveCommand: CommandRun<ServeOptions> = async ({ io, options }) => {
  const listen = parseListen(options.listen ?? String(DEFAULT_PORT));
  const size = parseSandboxes(options.sandboxes ?? '2');
  const { functions: configs } = await openConfig(io, options);
  if (configs.length === 0) {
    throw usageError('the project has no functions', 'Add functions: to gondolin.yaml.');
  }
  const functions = new Map<string, FunctionPool>();
  let watched: WatchedFunctions | null = null;
  try {
    for (const config of configs) {
      const build = () => buildFunction(config, io);
      const pool = new FunctionPool(await readFunction(config), {
        ...{ size, build },
        maxWaiting: size * WAITING_PER_SANDBOX,
      });
      functions.set(config.name, pool);
      await pool.warm();
      io.stderr.write(`ready: ${config.name}\n`);
    }
    if (options.watch === true) watched = await watchFunctions(configs, functions, io);
    const server = createFunctionServer({ functions, maxBodyBytes: DEFAULT_SIZES.inputBuffer });
    server.listen(listen.port, listen.host);
    await once(server, 'listening');
    const { address, port } = server.address() as AddressInfo;
    const host = address.includes(':') ? `[${address}]` : address;
    io.stderr.write(`serving at http://${host}:${port}/\n`);
    if (!io.signal.aborted) await once(io.signal, 'abort');
    server.close();
    server.closeAllConnections();
    throw io.signal.reason;
  } finally {
    await watched?.close();
    await Promise.all([...functions.values()].map((pool) => pool.close()));
  }
};
