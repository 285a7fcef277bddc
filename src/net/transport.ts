/**
 * The way that the bytes of a connection are carried: `passthrough` is TLS whose server name was checked and nothing else,
 * `ssh` is ended on the host and carried with the host's credentials.
 */
export type Transport = 'https' | 'http' | 'tcp' | 'passthrough' | 'ssh';

/** The way that a connection is judged: read as HTTP with or without TLS, as SSH, or carried unread. */
export type JudgedTransport = Exclude<Transport, 'passthrough'>;
