import ssh2, { type Algorithms } from 'ssh2';

/** The one import of the package in this room: its module has no named exports that Node finds. */
export const { Server, utils } = ssh2;
export type { AuthContext, Connection, ServerChannel, Session } from 'ssh2';

/** Ciphers that Node's OpenSSL does itself, and no compression: both ends are on this machine. */
export const ACCESS_ALGORITHMS: Algorithms = {
  cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr', 'aes256-ctr'],
  compress: ['none'],
  serverHostKey: ['ssh-ed25519'],
};
