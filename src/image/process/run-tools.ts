import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { BUILD_PATH } from './tool.ts';

/** One program of a build. The first of a pipeline is the one that is blamed when several fail. */
export interface ToolCommand {
  /** Name for messages, e.g. `mmdebstrap`. */
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
}

export interface RunToolsOptions {
  /** Existing directory. */
  readonly cwd: string;
  /** Added to the fixed small environment; nothing of ours is passed on. */
  readonly environment: Readonly<Record<string, string>>;
  /** All that the tools print is appended here. */
  readonly logPath: string;
  /** Each line on stderr (and on stdout, where that is not asked for), without the line end. */
  readonly onLine?: (line: string) => void;
  /** Writes the stdin of the first program, which is empty without it; it is closed once this resolves. */
  readonly input?: (stdin: Writable) => Promise<void>;
  readonly signal: AbortSignal;
}

const DISK_FULL = /No space left on device|Disk quota exceeded/;
const TAIL_LINES = 15;
/**
 * sqfstar ends at the archive's end mark: the padding that tar writes after it would sometimes find no reader, and its
 * writer would fail. What a program that succeeded left unread is read and dropped.
 */
const DRAINED = ['/bin/sh', '-c', '"$@" || exit; exec cat >/dev/null', 'sh'] as const;
const LINE_MAX_CHARS = 4096;

/**
 * Runs a pipeline: each program's stdout is the next one's stdin, connected by the kernel. A program that succeeds may
 * leave some of its stdin unread. Every program is in a process group of its own, which is killed as a whole when the
 * signal aborts or another program fails.
 *
 * @throws {GondolinError} IMAGE_BUILD_FAILED with the last lines that were printed.
 * @throws the signal's reason when it aborts, once every program has ended.
 */
export async function runTools(
  commands: readonly ToolCommand[],
  options: RunToolsOptions,
): Promise<void> {
  options.signal.throwIfAborted();
  const log = createWriteStream(options.logPath, { flags: 'a', mode: 0o600 });
  const logged = finished(log);
  // Looked at below; until then a full disk must not count as an unhandled rejection.
  logged.catch(() => undefined);
  const tail: string[] = [];
  let isDiskFull = false;
  const note = (line: string): void => {
    isDiskFull ||= DISK_FULL.test(line);
    tail.push(line);
    if (tail.length > TAIL_LINES) tail.shift();
    options.onLine?.(line);
  };
  const failed = await runPipeline(commands, options, log, note).finally(() => log.end());
  options.signal.throwIfAborted();
  if (failed !== null) throw buildFailed(failed, tail, options, isDiskFull);
  await logged;
}

interface Failure {
  readonly name: string;
  readonly reason: string;
  /** It was ended by us, because of another's failure. */
  readonly isKilled: boolean;
  readonly cause?: unknown;
}

interface RunningTool {
  readonly child: ChildProcess;
  /** Null when it succeeded. Settles once it and everything that holds its output has ended. */
  readonly ended: Promise<Failure | null>;
}

async function runPipeline(
  commands: readonly ToolCommand[],
  options: RunToolsOptions,
  log: WriteStream,
  note: (line: string) => void,
): Promise<Failure | null> {
  const running = new Set<ChildProcess>();
  const killAll = (): void => running.forEach(killGroup);
  options.signal.addEventListener('abort', killAll, { once: true });
  try {
    const tools = startPipeline(commands, options, log, note);
    const results = tools.map(async ({ child, ended }) => {
      running.add(child);
      const failure = await ended;
      running.delete(child);
      // A failed member leaves the others waiting for bytes or for a reader.
      if (failure !== null) killAll();
      return failure;
    });
    const broken = await feed(tools[0]?.child, options).catch((error: unknown) => ({ error }));
    if (broken !== undefined) killAll();
    const failures = (await Promise.all(results)).filter((result) => result !== null);
    // Why a program no longer reads is said by its own failure.
    if (broken !== undefined && !isBrokenPipe(broken.error)) throw broken.error;
    return failures.find((failure) => !failure.isKilled) ?? failures[0] ?? null;
  } finally {
    options.signal.removeEventListener('abort', killAll);
  }
}

async function feed(first: ChildProcess | undefined, { input }: RunToolsOptions): Promise<void> {
  const stdin = first?.stdin;
  if (input === undefined || stdin == null) return;
  const failed = new Promise<never>((_resolve, reject) => stdin.once('error', reject));
  failed.catch(() => undefined);
  await Promise.race([input(stdin), failed]);
  stdin.end();
}

function isBrokenPipe(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return ['EPIPE', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_PREMATURE_CLOSE'].includes(code ?? '');
}

/** Started from the last to the first, so that each gets the next one's stdin as its stdout. */
function startPipeline(
  commands: readonly ToolCommand[],
  options: RunToolsOptions,
  log: WriteStream,
  note: (line: string) => void,
): RunningTool[] {
  const tools: RunningTool[] = [];
  let next: ChildProcess | null = null;
  for (const command of commands.toReversed()) {
    const isFirst = command === commands[0];
    const [file, ...args] = [...(isFirst ? [] : DRAINED), command.file, ...command.args];
    const child: ChildProcess = spawn(file, args, {
      cwd: options.cwd,
      env: { PATH: BUILD_PATH, LC_ALL: 'C.UTF-8', HOME: '/nonexistent', ...options.environment },
      detached: true,
      stdio: [
        isFirst && options.input === undefined ? 'ignore' : 'pipe',
        next?.stdin ?? 'pipe',
        'pipe',
      ],
    });
    // Our copy of the connection would keep the reader from ever seeing the end.
    next?.stdin?.destroy();
    followLines(child.stdout, log, note);
    followLines(child.stderr, log, note);
    tools.unshift({ child, ended: waitFor(command, child) });
    next = child;
  }
  return tools;
}

function waitFor(command: ToolCommand, child: ChildProcess): Promise<Failure | null> {
  const { name } = command;
  return new Promise((resolve) => {
    child.once('error', (cause) => {
      resolve({ name, reason: 'could not be started', isKilled: false, cause });
    });
    child.once('close', (code, signal) => {
      if (code === 0) return resolve(null);
      const reason = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
      resolve({ name, reason, isKilled: signal === 'SIGKILL' });
    });
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    // ESRCH: the whole group has ended already.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function followLines(
  stream: NodeJS.ReadableStream | null,
  log: WriteStream,
  note: (line: string) => void,
): void {
  if (stream === null) return;
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    log.write(text);
    // A carriage return starts a progress line over.
    const lines = (rest + text).split(/[\r\n]+/);
    rest = (lines.pop() ?? '').slice(-LINE_MAX_CHARS);
    for (const line of lines) if (line !== '') note(line.slice(0, LINE_MAX_CHARS));
  });
  stream.on('end', () => {
    if (rest !== '') note(rest);
  });
}

function buildFailed(
  failure: Failure,
  tail: readonly string[],
  { cwd, logPath }: RunToolsOptions,
  isDiskFull: boolean,
): GondolinError {
  const lines = tail.map((line) => `\n  ${line}`).join('');
  const log = `Read the whole log: ${logPath}`;
  const hint = `The disk of ${cwd} is full: free 1 GiB (\`gondolin prune\`), or set XDG_CACHE_HOME to a larger one. ${log}`;
  return new GondolinError(
    'IMAGE_BUILD_FAILED',
    `Cannot build the image: ${failure.name} ${failure.reason}${lines}`,
    {
      hint: isDiskFull ? hint : log,
      details: { tool: failure.name, logPath },
      ...(failure.cause === undefined ? {} : { cause: failure.cause }),
    },
  );
}
