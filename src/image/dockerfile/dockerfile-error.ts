import { GondolinError } from '../../errors/gondolin-error.ts';

/** @param line  From 1; null for the file as a whole. */
export function dockerfileInvalid(
  path: string,
  line: number | null,
  problem: string,
  cause?: unknown,
): GondolinError {
  const place = line === null ? path : `${path}:${line}`;
  return new GondolinError('IMAGE_DOCKERFILE_INVALID', `${place}: ${problem}`, {
    ...(cause === undefined ? {} : { cause }),
    details: { path, line },
  });
}
