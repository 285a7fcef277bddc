import { GondolinError } from '../errors/gondolin-error.ts';

/** Codes of the errors of this API. */
export type SandboxErrorCode =
  | 'ERR_INVALID_ARG'
  | 'ERR_CONSUMED'
  | 'ERR_POISONED'
  | 'ERR_CANCELLED'
  | 'ERR_STACK_OVERFLOW'
  | 'ERR_GUEST_ABORT'
  | 'ERR_INTERNAL';

export function invalidArgument(message: string): GondolinError {
  return new GondolinError('ERR_INVALID_ARG', message);
}

export function internal(message: string): GondolinError {
  return new GondolinError('ERR_INTERNAL', message);
}

export function poisoned(): GondolinError {
  return new GondolinError('ERR_POISONED', 'the sandbox is poisoned: its last call did not end');
}
