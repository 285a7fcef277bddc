import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { isShowableName } from '../../util/variable-name.ts';
import type { ResolvedSecret, SecretOptions, SecretSource } from './secret-options.ts';
import { checkSecretValue, MAX_SECRET_BYTES, type SecretValue } from './secret-value.ts';

/** Leaves room for line ends that are cut off. */
const MAX_SOURCE_BYTES = MAX_SECRET_BYTES + 16;
const COMMAND_TIMEOUT_MS = 60_000;

export interface ReadSecretOptions {
  /** Variables of the host, for `env` sources and as the environment of commands. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
  /** Time limit of a command, in milliseconds. @default 60000 */
  readonly timeoutMs?: number;
}

function unreadable(name: string, problem: string, cause?: unknown): GondolinError {
  return new GondolinError('NET_SECRET_UNREADABLE', `Cannot read secret ${name}: ${problem}`, {
    ...(cause === undefined ? {} : { cause }),
    details: { name },
  });
}

/** A variable that is not set. A token in place of its name is not shown. */
function unset(name: string, variable: string): GondolinError {
  const hint = 'Export it before the run; sudo keeps no variables unless it is run as sudo -E.';
  if (isShowableName(variable)) {
    const of = name === variable ? '' : ` ${name}`;
    const message = `Cannot read secret${of}: environment variable $${variable} is not set`;
    return new GondolinError('NET_SECRET_UNREADABLE', message, { hint, details: { name } });
  }
  return new GondolinError(
    'NET_SECRET_UNREADABLE',
    'Cannot read a secret: its environment variable is not set. The name is not shown because it looks like a value',
    { hint: 'Write NAME@host with the name of a variable, and export the value as that variable.' },
  );
}

class TooLong extends Error {}

async function collect(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_SOURCE_BYTES) throw new TooLong();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function readSecretFile(
  name: string,
  path: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  try {
    return await collect(createReadStream(path, signal === undefined ? {} : { signal }));
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof TooLong)
      throw unreadable(name, `its file is larger than ${MAX_SECRET_BYTES} bytes`);
    throw unreadable(name, `its file cannot be read`, error);
  }
}

type CommandSource = Extract<SecretSource, { kind: 'command' }>;

function startCommand(name: string, source: CommandSource, env: ReadSecretOptions['env']) {
  const words =
    typeof source.command === 'string' ? ['/bin/sh', '-c', source.command] : source.command;
  const [file = '', ...args] = words;
  try {
    return spawn(file, args, {
      cwd: source.directory,
      env: { ...env },
      // stderr may contain the value: it is discarded.
      stdio: ['ignore', 'pipe', 'ignore'],
      // A separate process group, so that its children can be killed with it.
      detached: true,
    });
  } catch (cause) {
    throw unreadable(name, 'its command cannot be started', cause);
  }
}

async function runSecretCommand(
  name: string,
  source: CommandSource,
  { env, signal, timeoutMs = COMMAND_TIMEOUT_MS }: ReadSecretOptions,
): Promise<string> {
  signal?.throwIfAborted();
  const timer = AbortSignal.timeout(timeoutMs);
  const stop = signal === undefined ? timer : AbortSignal.any([timer, signal]);
  const child = startCommand(name, source, env);
  let isClosed = false;
  const kill = (): void => {
    if (!isClosed) killGroup(child.pid);
  };
  stop.addEventListener('abort', kill, { once: true });
  const ended = new Promise<string | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, killedBy) => {
      isClosed = true;
      resolve(code === 0 ? null : `its command ended with ${killedBy ?? `code ${code}`}`);
    });
  });
  try {
    const [text, failure] = await Promise.all([collect(child.stdout), ended]);
    if (failure !== null) throw unreadable(name, failure);
    return text;
  } catch (error) {
    ended.catch(() => undefined);
    kill();
    signal?.throwIfAborted();
    if (timer.aborted) throw unreadable(name, `its command ran for more than ${timeoutMs} ms`);
    if (error instanceof TooLong)
      throw unreadable(name, `its command printed more than ${MAX_SECRET_BYTES} bytes`);
    throw GondolinError.is(error)
      ? error
      : unreadable(name, 'its command cannot be started', error);
  } finally {
    stop.removeEventListener('abort', kill);
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // The whole group has ended already.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Removes the line end that files and commands add. */
function withoutLineEnd(text: string): string {
  return text.replace(/[\r\n]+$/, '');
}

async function readSource(
  name: string,
  source: SecretSource,
  options: ReadSecretOptions,
): Promise<SecretValue> {
  if (source.kind === 'value') return checkSecretValue(name, source.value.reveal());
  if (source.kind === 'file') {
    const text = await readSecretFile(name, source.path, options.signal);
    return checkSecretValue(name, withoutLineEnd(text));
  }
  if (source.kind === 'command') {
    return checkSecretValue(name, withoutLineEnd(await runSecretCommand(name, source, options)));
  }
  const value = options.env[source.variable];
  if (value === undefined || value === '') {
    throw unset(name, source.variable);
  }
  return checkSecretValue(name, value);
}

/**
 * Reads the values of secrets, all at once. Commands get no value on their command line and have 60 s.
 * @throws {GondolinError} NET_SECRET_UNREADABLE when a source gives nothing; NET_SECRET_INVALID when what it gives cannot
 *   be used. Neither reveals any part of a value.
 * @throws the signal's reason when it aborts.
 */
export function readSecrets(
  secrets: readonly SecretOptions[],
  options: ReadSecretOptions,
): Promise<ResolvedSecret[]> {
  return Promise.all(
    secrets.map(async ({ from, ...rest }) => ({
      ...rest,
      value: await readSource(rest.name, from, options),
    })),
  );
}
