import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { ensureDirectory } from '../../host/directories.ts';
import { readTextFile } from '../../host/read-text-file.ts';
import { toError, type WireError, wireError } from '../../session/error-reply.ts';
import { decodeValue, literal, object, tagged } from '../../util/json-decoder.ts';
import type { CliIo } from '../io.ts';
import { BACKGROUND_COMMAND } from './internal-commands.ts';

/** The facts that the background process needs before it serves requests. */
export interface BackgroundFacts {
  /** See `projectDirectory`. */
  readonly directory: string;
  readonly file: string;
  readonly name: string;
  readonly isNamed: boolean;
}

/** A message of the new process. */
type Started = { readonly kind: 'ready' } | { readonly kind: 'failed'; readonly error: WireError };

const started = tagged<Started>('kind', {
  ready: object<Started & { kind: 'ready' }>({ kind: literal('ready') }),
  failed: object<Started & { kind: 'failed' }>({
    kind: literal('failed'),
    error: wireError,
  }),
});

/** Name of the file with what the process itself prints: nothing, unless it crashes. */
const OWN_OUTPUT = 'process.log';
/** Read of it for a message. */
const MAX_OUTPUT_BYTES = 64 * 1024;

/**
 * Starts the process that has a project, in a session of its own, so that it outlives this terminal. Resolves when it serves requests.
 * @throws {GondolinError} PROJECT_RUNNING, PROJECT_PROCESS_FAILED, HOST_…
 */
export async function startBackground(facts: BackgroundFacts, io: CliIo): Promise<void> {
  const { directory } = facts;
  await ensureDirectory(directory);
  const outputPath = join(directory, OWN_OUTPUT);
  const output = await open(outputPath, 'w', 0o600);
  const [script = ''] = process.argv.slice(1);
  const child = spawn(process.execPath, [...process.execArgv, script, BACKGROUND_COMMAND], {
    cwd: directory,
    detached: true,
    env: io.env,
    stdio: ['ignore', output.fd, output.fd, 'ipc'],
  });
  try {
    const failed = once(child, 'exit').then(([code, signal]) => ({ code, signal }));
    const answered = once(child, 'message').then(([message]) => ({ message: message as unknown }));
    const spawned = once(child, 'error').then(([error]) => ({ error: error as Error }));
    child.send(facts);
    const first = await Promise.race([answered, failed, spawned]);
    if ('error' in first) throw first.error;
    if ('code' in first) throw await crash(outputPath, first.code as number | null);
    const decoded = decodeValue(first.message, started);
    if (!decoded.ok) throw new Error(decoded.problem);
    if (decoded.value.kind === 'failed') throw toError(decoded.value.error);
  } finally {
    await output.close();
    if (child.connected) child.disconnect();
    child.unref();
  }
}

async function crash(outputPath: string, code: number | null): Promise<GondolinError> {
  const said = await readTextFile(outputPath, MAX_OUTPUT_BYTES).catch(() => null);
  // What Node prints for an exception that nobody caught: its stack is for us.
  const thrown = /^\w*Error: .*$/m.exec(said ?? '')?.[0];
  const last = thrown ?? (said ?? '').trim().split('\n').at(-1) ?? '';
  const how = code === null ? 'was killed' : `exited ${code}`;
  const message = `the background process ${how} before it was ready${last === '' ? '' : `: ${last}`}`;
  return new GondolinError('PROJECT_PROCESS_FAILED', message);
}
