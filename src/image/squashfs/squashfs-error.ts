import { GondolinError } from '../../errors/gondolin-error.ts';

/** Refuses a root file system that cannot be read. */
export function squashfsInvalid(problem: string, cause?: unknown): GondolinError {
  return new GondolinError('IMAGE_INVALID', `Cannot read the root file system: ${problem}`, {
    cause,
  });
}
