/** The way that the bytes of a connection are carried: `passthrough` is TLS whose server name was checked and nothing else. */
export type Transport = 'https' | 'http' | 'tcp' | 'passthrough';

/** The way that a connection is judged: read as HTTP with or without TLS, or carried unread. */
export type JudgedTransport = Exclude<Transport, 'passthrough'>;
