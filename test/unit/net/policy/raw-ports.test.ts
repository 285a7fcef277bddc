import { expect, it } from 'vitest';
import { compilePolicy } from '../../../../src/net/policy/compile-policy.ts';

function policyOf(allowedHosts: readonly string[]) {
  const empty = { deniedHosts: [], rules: [], allowedPrivate: [] };
  return compilePolicy({ mode: 'allowlist', allowedHosts, blockPrivateIps: true, ...empty });
}

it.each([
  ['a port that is known for no HTTP', 5432, [], true],
  ['a port of the web', 443, [], false],
  ['a port of nothing known', 8081, [], false],
  ['a port that is allowed for raw TCP', 8081, ['a.test:8081/tcp'], true],
  ['a port that is allowed for both', 8081, ['a.test:8081/tcp', 'b.test:8081'], false],
  ['a known port that is allowed for HTTP', 5432, ['a.test:5432'], false],
  ['any port beside an entry without one', 8081, ['a.test'], false],
])('isRawPort() of %s', (_, port, allowed, want) => {
  expect(policyOf(allowed).isRawPort(port)).toBe(want);
});
