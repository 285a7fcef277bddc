import { expect, it } from 'vitest';
import * as kinds from '../../../src/errors/error-kinds.ts';
import { GondolinError } from '../../../src/errors/gondolin-error.ts';

it('the errors of the Go API have its texts', () => {
  const { ErrorKind, ...errors } = kinds;
  const texts = Object.entries(errors).map(([name, { message }]) => [name, message]);
  expect(Object.fromEntries(texts)).toEqual({
    ErrBlocked: 'request blocked by policy',
    ErrHostNotAllowed: 'host not in allowlist',
    ErrSecretLeak: 'secret placeholder sent to unauthorized host',
    ErrVMNotRunning: 'VM is not running',
    ErrVMNotFound: 'VM not found',
    ErrTimeout: 'operation timed out',
    ErrInvalidConfig: 'invalid configuration',
  });
  expect(errors.ErrTimeout).toBeInstanceOf(ErrorKind);
});

it.each([
  [kinds.ErrTimeout, 'VM_EXEC_TIMEOUT'],
  [kinds.ErrVMNotRunning, 'VM_NOT_RUNNING'],
  [kinds.ErrInvalidConfig, 'VM_BAD_OPTION'],
] as const)('is() is true for a GondolinError of one of its codes only', (kind, code) => {
  expect(kind.is(new GondolinError(code, 'text'))).toBe(true);
  expect(kind.is(new GondolinError('GUEST_PROTOCOL', 'text'))).toBe(false);
  for (const other of [new Error(kind.message), code, null, undefined]) {
    expect(kind.is(other)).toBe(false);
  }
});
