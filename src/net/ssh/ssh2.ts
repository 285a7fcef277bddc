import ssh2, { type Algorithms } from 'ssh2';

/** The one import of the package in this room: its module has no named exports that Node finds. */
export const { Client, Server, utils } = ssh2;
export type { AuthContext, Client as SshClient, ClientChannel, ServerChannel, Session } from 'ssh2';

/**
 * Ciphers that Node's OpenSSL does itself, first; without compression, which would let a peer expand a few bytes to many.
 * Of ChaCha20-Poly1305 ssh2 does half in WebAssembly: it is for servers that have nothing else.
 */
export const EGRESS_ALGORITHMS: Algorithms = {
  cipher: [
    'aes128-gcm@openssh.com',
    'aes256-gcm@openssh.com',
    'aes128-ctr',
    'aes192-ctr',
    'aes256-ctr',
    'chacha20-poly1305@openssh.com',
  ],
  compress: ['none'],
};
