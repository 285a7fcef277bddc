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
  const { input = new Uint8Array(0), limitBytes, environment, signal } = options;
  signal?.throwIfAborted();
  const { execa } = await import('execa');
  const result = await execa(file, args, {
    input,
    encoding: 'buffer',
    stripFinalNewline: false,
    maxBuffer: limitBytes,
    env: { PATH: BUILD_PATH, LC_ALL: 'C.UTF-8', ...environment },
    extendEnv: false,
    killSignal: 'SIGKILL',
    reject: false,
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  });
  signal?.throwIfAborted();
  const { buffer, byteOffset, byteLength } = result.stdout;
  if (!result.failed) return Buffer.from(buffer, byteOffset, byteLength);
  const said = Buffer.from(result.stderr).toString('utf8').trim().split('\n').at(-1) ?? '';
  const why = result.isMaxBuffer ? `more than ${limitBytes} bytes of output` : said;
  throw new GondolinError(
    'IMAGE_BUILD_FAILED',
    `Cannot build the image: '${file}' failed: ${why}`,
    {
      cause: result.cause,
      details: { tool: file },
    },
  );
}
