import { GondolinError } from '../errors/gondolin-error.ts';

/** Ends the VM: a process that cannot be killed must not keep writing to the mounts. */
export function killFailed(cause: GondolinError): GondolinError {
  return new GondolinError(
    'VM_KILL_FAILED',
    'the guest did not end the processes of a stopped command',
    { cause },
  );
}

/** The error of a call after the end. */
export function notRunning(): GondolinError {
  return new GondolinError('VM_NOT_RUNNING', 'VM is not running');
}
