import { GondolinError } from '../errors/gondolin-error.ts';

/** True when the saved machine caused the error, not something that any start needs. */
export function isSavedMachineFault(error: unknown): error is GondolinError {
  return GondolinError.is(error) && !/^(HOST|IMAGE|VFS|VM_DISK)_/.test(error.code);
}
