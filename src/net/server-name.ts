import type { Destination } from './destination.ts';
import { sameHost } from './http/authority.ts';
import type { Blocked, Check } from './refusal/refusal.ts';
import type { ClientHello } from './tcp/client-hello.ts';

/**
 * Returns the refusal of a connection whose ClientHello names another host, or null.
 *
 * @param isOpaque  The TLS is passed through, so that nothing after it is checked. Opened TLS is, with each request.
 */
export function serverNameProblem(
  hello: ClientHello,
  to: Destination,
  isOpaque: boolean,
): Blocked | null {
  const mismatch = (check: Check): Blocked => ({
    kind: 'blocked',
    reason: 'name_mismatch',
    decidedBy: [{ by: 'check', check }],
    suggest: null,
  });
  if (hello.serverName === null) {
    return isOpaque && !to.isLiteral ? mismatch('passthrough_without_name') : null;
  }
  if (!sameHost(hello.serverName.replace(/\.$/, ''), to.name)) {
    return mismatch('tls_server_name');
  }
  if (isOpaque && hello.hasEncryptedHello) {
    return mismatch('passthrough_encrypted_hello');
  }
  return null;
}
