import { execFile } from 'node:child_process';
import { GondolinError } from '../../errors/gondolin-error.ts';
import { BUILD_PATH } from './tool.ts';

export interface FilterOptions {
  /** Written to the program's stdin. */
  readonly input?: Uint8Array;
  readonly limitBytes: number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/**
 * Runs one quick program and returns its stdout.
 *
 * @throws {GondolinError} IMAGE_BUILD_FAILED when it fails or prints more than `limitBytes`.
 * @throws the signal's reason when it aborts.
 */
export async function filterThrough(
  file: string,
  args: readonly string[],
  options: FilterOptions,
): Promise<Buffer> {
  options.signal?.throwIfAborted();
  try {
    return await runFilter(file, args, options);
  } catch (error) {
    options.signal?.throwIfAborted();
    throw error;
  }
}

function runFilter(file: string, args: readonly string[], options: FilterOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      file,
      [...args],
      {
        encoding: 'buffer',
        maxBuffer: options.limitBytes,
        killSignal: 'SIGKILL',
        env: { PATH: BUILD_PATH, LC_ALL: 'C.UTF-8', ...options.environment },
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      },
      (error, stdout, stderr) => {
        if (error === null) return resolve(stdout);
        const last = stderr.toString('utf8').trim().split('\n').at(-1) ?? '';
        reject(
          new GondolinError(
            'IMAGE_BUILD_FAILED',
            `Cannot build the image: '${file}' failed: ${last}`,
            {
              cause: error,
              details: { tool: file },
            },
          ),
        );
      },
    );
    // EPIPE when it ends before it has read all: its exit code says why.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? new Uint8Array(0));
  });
}
