import { sameHost } from './http/authority.ts';
import type { Refused } from './judge.ts';
import type { ClientHello } from './tcp/client-hello.ts';
import type { Destination } from './tcp/dial.ts';

/**
 * Why the name in a ClientHello speaks against the connection, or null.
 *
 * @param isOpaque  The TLS is passed through, so that nothing after it is checked. Opened TLS is, with each request.
 */
export function serverNameProblem(
  hello: ClientHello,
  to: Destination,
  isOpaque: boolean,
): Refused | null {
  const rule = (text: string): Refused => ({
    isAllowed: false,
    reason: 'name_mismatch',
    rule: text,
    suggestion: '',
  });
  if (hello.serverName === null) {
    return isOpaque && !to.isLiteral ? rule('passthrough needs a TLS server name') : null;
  }
  if (!sameHost(hello.serverName.replace(/\.$/, ''), to.name)) {
    return rule('the TLS server name is not the name the connection was made to');
  }
  if (isOpaque && hello.hasEncryptedHello) {
    return rule('passthrough cannot check an encrypted client hello');
  }
  return null;
}
