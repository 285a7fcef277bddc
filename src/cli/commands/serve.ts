import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createFunctionServer } from '../../js/serve/function-server.ts';
import { DEFAULT_SIZES } from '../../js/sizes.ts';
import type { CommandRun } from '../command-context.ts';
import { FunctionWatch } from '../function-reload.ts';
import { buildFunction } from '../function-source.ts';
import { openConfig } from '../open-project.ts';
import { ServedFunctions } from '../served-functions.ts';
import { plainText } from '../ui/text/describe.ts';
import { usageError } from '../usage-error.ts';

interface ServeOptions {
  readonly listen?: string;
  readonly sandboxes?: string;
  readonly watch?: boolean;
}

const DEFAULT_PORT = 8080;
const MAX_SANDBOXES = 256;

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
  const readProject = async () => {
    const project = await openConfig(io, options);
    if (project.functions.length > 0) return project;
    throw usageError('the project has no functions', 'Add functions: to gondolin.yaml.');
  };
  const project = await readProject();
  const say = (line: string) => void io.stderr.write(`${plainText(line)}\n`);
  const functions = new ServedFunctions({
    size,
    build: (config) => buildFunction(config, io),
    say,
  });
  let watch: FunctionWatch | null = null;
  try {
    for (const config of project.functions) await functions.add(config);
    if (options.watch === true) {
      watch = await FunctionWatch.start({ functions, project, readProject, say });
    }
    const server = createFunctionServer({
      functions: functions.pools,
      maxBodyBytes: DEFAULT_SIZES.inputBuffer,
    });
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
    await watch?.close();
    await functions.close();
  }
};
