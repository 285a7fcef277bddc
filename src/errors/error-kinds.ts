import type { ErrorCode } from './codes.ts';
import { GondolinError } from './gondolin-error.ts';

/**
 * One of the errors of the Go API: a text, and our codes that mean it. `is` is what `errors.Is` is in Go.
 *
 * @example
 * const isExpected = (error: unknown, kinds: ErrorKind[]) => kinds.some((kind) => kind.is(error));
 */
export class ErrorKind {
  /** The text of the Go API; also the `block_reason` of network events. */
  readonly message: string;
  readonly codes: readonly ErrorCode[];

  /** @internal */
  constructor(message: string, codes: readonly ErrorCode[]) {
    this.message = message;
    this.codes = codes;
  }

  /** True for a GondolinError with one of the codes. Never throws. */
  is(error: unknown): boolean {
    return GondolinError.is(error) && this.codes.includes(error.code);
  }
}

/**
 * A request that the policy refused.
 *
 * @example
 * const exitCode = (error: unknown) => (ErrBlocked.is(error) ? 3 : 1);
 */
export const ErrBlocked: ErrorKind = new ErrorKind('request blocked by policy', [
  'PROJECT_NETWORK_BLOCKED',
]);

/**
 * A host that is not allowed.
 *
 * @example
 * console.log(ErrHostNotAllowed.message); // host not in allowlist
 */
export const ErrHostNotAllowed: ErrorKind = new ErrorKind('host not in allowlist', [
  'PROJECT_NETWORK_BLOCKED',
]);

/**
 * A placeholder on its way to where its secret may not go.
 *
 * @example
 * console.log(ErrSecretLeak.codes);
 */
export const ErrSecretLeak: ErrorKind = new ErrorKind(
  'secret placeholder sent to unauthorized host',
  ['NET_SECRET_LEAK'],
);

/**
 * A VM that has ended.
 *
 * @example
 * await vm.exec('true').catch((error) => {
 *   if (!ErrVMNotRunning.is(error)) throw error;
 * });
 */
export const ErrVMNotRunning: ErrorKind = new ErrorKind('VM is not running', [
  'VM_NOT_RUNNING',
  'MACHINE_EXITED',
  'PROJECT_VM_ENDED',
]);

/**
 * A session that does not exist.
 *
 * @example
 * console.log(ErrVMNotFound.message); // VM not found
 */
export const ErrVMNotFound: ErrorKind = new ErrorKind('VM not found', ['SESSION_NOT_FOUND']);

/**
 * A time limit that was exceeded.
 *
 * @example
 * await vm.exec('sleep 60', { timeoutMs: 1000 }).catch((error) => console.log(ErrTimeout.is(error)));
 */
export const ErrTimeout: ErrorKind = new ErrorKind('operation timed out', [
  'VM_EXEC_TIMEOUT',
  'VM_BOOT_TIMEOUT',
  'AGENT_TIMEOUT',
  'MACHINE_QMP_TIMEOUT',
  'NET_DIAL_TIMEOUT',
  'NET_UPSTREAM_TIMEOUT',
  'PROJECT_SANDBOX_TIMEOUT',
]);

/**
 * A configuration or option that cannot be used.
 *
 * @example
 * await VM.create({ cpus: 65 }).catch((error) => console.log(ErrInvalidConfig.is(error)));
 */
export const ErrInvalidConfig: ErrorKind = new ErrorKind('invalid configuration', [
  'CONFIG_INVALID',
  'CONFIG_SECRET_INVALID',
  'CONFIG_VOLUME_INVALID',
  'IMAGE_RECIPE_INVALID',
  'IMAGE_REFERENCE_INVALID',
  'IMAGE_REGISTRY_CONFIG_INVALID',
  'IMAGE_REGISTRY_UNSET',
  'MACHINE_SPEC_INVALID',
  'NET_PATTERN_INVALID',
  'NET_SECRET_INVALID',
  'VM_BAD_OPTION',
]);
