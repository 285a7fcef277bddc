import { expect, it } from 'vitest';
import { compilePolicy } from '../../../../src/net/policy/compile-policy.ts';
import { withPolicyDefaults } from '../../../../src/net/policy/policy-options.ts';

it('withPolicyDefaults() allows nothing and blocks private addresses when no field is given', () => {
  expect(withPolicyDefaults({})).toEqual({
    mode: 'allowlist',
    allowedHosts: [],
    deniedHosts: [],
    rules: [],
    blockPrivateIps: true,
    allowedPrivate: [],
    extraHosts: [],
  });
});

it('compilePolicy() blocks private addresses of an open policy that does not mention them', () => {
  const policy = compilePolicy({ mode: 'open' });
  expect(policy.decideAddress('10.0.0.1', 'api.github.com', 443).isAllowed).toBe(false);
  expect(policy.decideAddress('93.184.216.34', 'api.github.com', 443).isAllowed).toBe(true);
});
