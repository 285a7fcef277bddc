import { createPrivateKey, hkdfSync } from 'node:crypto';
import { formatHostPart } from '../../address/host-pattern.ts';
import { encodeOpensshKey, type OpensshKey } from '../../util/openssh-key.ts';
import type { ListedPattern } from '../policy/listed-pattern.ts';
import { compileSshHosts } from '../policy/ssh-hosts.ts';
import type { GuestFile } from '../tls/guest-file.ts';
import type { HostCa } from '../tls/host-ca.ts';

/** The file that every OpenSSH client reads, whatever its user. */
const GUEST_FILE = '/etc/ssh/ssh_known_hosts';
/** DER of an Ed25519 private key (RFC 8410) up to its 32 bytes. */
const PKCS8_START = Buffer.from('302e020100300506032b657004220420', 'hex');

/**
 * Returns the host key that guests see instead of those of servers. It follows from the key of this machine's authority, so
 * that it is as secret, as lasting and as easily replaced, without a file of its own.
 */
export function sshHostKey({ issuer }: Pick<HostCa, 'issuer'>): OpensshKey {
  const secret = issuer.privateKey.export({ type: 'pkcs8', format: 'der' });
  const seed = Buffer.from(hkdfSync('sha256', secret, '', 'gondolin ssh host key', 32));
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_START, seed]),
    format: 'der',
    type: 'pkcs8',
  });
  return encodeOpensshKey(key, 'gondolin');
}

/** The hosts of an entry in the form of known_hosts, in which `*` also covers dots. */
function knownHosts({ host, port }: ListedPattern): string {
  const isBlock = host.kind === 'network' && formatHostPart(host).includes('/');
  const text = isBlock ? '*' : formatHostPart(host).replace(/^\*\*/, '*');
  if (port === 22) return text;
  return port === 'any' ? `${text},[${text}]:*` : `[${text}]:${port}`;
}

/** Makes OpenSSH in a guest trust our host key, for the hosts that are served with it and no others. */
export function guestKnownHosts(allowedHosts: readonly string[], key: OpensshKey): GuestFile {
  const lines = compileSshHosts(allowedHosts).all.map(
    (entry) => `${knownHosts(entry)} ${key.publicText} gondolin\n`,
  );
  // The file of the image may lack a line end.
  const data = Buffer.from(`\n${[...new Set(lines)].join('')}`);
  return { path: GUEST_FILE, data, append: true, mode: 0o644 };
}
