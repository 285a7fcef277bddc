/**
 * Bounds of connections and HTTP: the memory and time that a guest or an upstream can take from the host. Bounds of
 * DNS are in dns/limits.ts, those of one parser or one list next to it; docs/limits.md has them all.
 */

/** Guest connections of one VM at a time; the agent accepts no more than 900 itself. */
export const MAX_GUEST_CONNECTIONS = 1_000;

/** Requests of one VM in progress at once; one more gets a 503. */
export const MAX_REQUESTS = 2_048;

/** Heads of requests in progress or with a response that the guest has not read; one more gets a 503. */
export const MAX_HEAD_BYTES_PER_VM = 32 * 1024 * 1024;
export const MAX_HEAD_BYTES_PER_PROCESS = 128 * 1024 * 1024;

/** Bytes of heads guaranteed to each VM when others have used up the process's share. */
export const SURE_HEAD_BYTES_PER_VM = 2 * 1024 * 1024;

/** Memory of one header field besides its characters. */
export const HEAD_FIELD_BYTES = 64;

/** Informational responses (1xx) to one request; a server that sends more gets the guest a 502. */
export const MAX_INFORMATIONAL_ANSWERS = 64;

/** Requests at once on one HTTP/2 connection of the guest (SETTINGS_MAX_CONCURRENT_STREAMS). */
export const MAX_GUEST_H2_STREAMS = 128;

/** Header block of a request or a response, in bytes: 431 to the guest, 502 for an upstream beyond it. */
export const MAX_HEADER_BYTES = 64 * 1024;

/**
 * The same for HTTP/2 of a guest, where a few bytes can repeat a long field: the usual limit of servers.
 */
export const MAX_GUEST_H2_HEADER_BYTES = 32 * 1024;

/** Fields of one header block, HTTP/2's own count included. */
export const MAX_HEADER_PAIRS = 512;

/** Bytes read to distinguish TLS from HTTP; a ClientHello with post-quantum keys is about 2 KiB long. */
export const MAX_PEEK_BYTES = 32 * 1024;

/** HTTP/2 windows towards a guest, in bytes: what its uploads may hold in memory, per stream and per connection. */
export const H2_GUEST_STREAM_WINDOW_BYTES = 512 * 1024;
export const H2_GUEST_SESSION_WINDOW_BYTES = 1024 * 1024;

/** HTTP/2 connections with a session window of that size; others have RFC 9113's 64 KiB. */
export const MAX_WIDE_WINDOWS_PER_VM = 32;
export const MAX_WIDE_WINDOWS_PER_PROCESS = 96;

/** The same towards a server. One window per round trip limits a download: 20 MB/s at 50 ms. */
export const H2_SERVER_STREAM_WINDOW_BYTES = 1024 * 1024;
export const H2_SERVER_SESSION_WINDOW_BYTES = 4 * 1024 * 1024;

/**
 * A guest that may speak HTTP(S) may open a connection and stay silent for this long, as browsers do, and clients that open
 * many while their CPU is busy.
 */
export const IDLE_START_MS = 5 * 60_000;

/** In `mode: open` the server of a silent connection is dialled after this time. */
export const OPEN_SERVER_FIRST_MS = 300;

/** Time from the first byte to a complete ClientHello or request line. */
export const PEEK_COMPLETE_MS = 30_000;

/**
 * Time for the guest's side of a TLS handshake. Under TCG one takes 20 ms of CPU, and 0.4 s where OpenSSL reads all public
 * roots for each: of 500 at once, half were not done after 2 minutes.
 */
export const GUEST_TLS_MS = 10 * 60_000;

/**
 * Time that a connection dialled for the guest's connect() waits for its first request. It is short because the
 * server counts it among its clients.
 */
export const SPARE_CONNECTION_MS = 10_000;

/** Time to open an upstream connection, TLS handshake included. */
export const DIAL_MS = 15_000;

/**
 * Time that an HTTP/1.1 connection is kept for the next request unless the server says otherwise (`Keep-Alive`). It is short
 * because a request that crosses the server's close has to be sent again.
 */
export const UPSTREAM_HTTP1_IDLE_MS = 4_000;

/** Idle HTTP/1.1 connections that one origin keeps. */
export const MAX_IDLE_PER_ORIGIN = 32;

/** Bytes of a request's body that are kept to send it again on a new connection. */
export const MAX_REPLAY_BYTES = 64 * 1024;

/** Waiting times that tests shorten (`NetworkOptions.waits`), in milliseconds. */
export interface WaitingTimes {
  /** Time from a connection's start, or a request's first byte, to the end of its head; then 408. */
  readonly guestHeadMs: number;
  /** Time that the addresses of a name are reused for further connections. */
  readonly lookupCacheMs: number;
  /** Time that a guest connection is kept for the next request. */
  readonly guestIdleMs: number;
  /**
   * A guest that has ended its half is waiting for its response, or is gone: both look the same. Its request is aborted
   * after this time without a byte of the response.
   */
  readonly guestHalfClosedMs: number;
  /** Time limit for a response whose guest reads nothing of it, and a ping for the reply of an HTTP/2 guest. */
  readonly guestStallMs: number;
  /** Time from the end of our half to the end of the guest's, which may still be reading slowly. */
  readonly guestLingerMs: number;
  /**
   * Time from the end of a request to the first byte of its response: long polls are slow. TCP keep-alive and HTTP/2 pings
   * detect dead peers before that.
   */
  readonly responseStartMs: number;
  /**
   * An HTTP/2 connection to a server that is silent for this long is closed if it carries nothing; otherwise the server is
   * pinged, and the connection is lost after the same time again.
   */
  readonly upstreamSilenceMs: number;
}

export const WAITING_TIMES: WaitingTimes = {
  guestHeadMs: 60_000,
  lookupCacheMs: 5_000,
  guestIdleMs: 90_000,
  guestHalfClosedMs: 2 * 60_000,
  guestStallMs: 10 * 60_000,
  guestLingerMs: 2 * 60_000,
  responseStartMs: 15 * 60_000,
  upstreamSilenceMs: 15_000,
};

/** Pools of upstream connections; beyond that the least recently used is closed. */
export const MAX_UPSTREAM_ORIGINS = 256;

/** HTTP/2 connections to one origin; each carries as many streams as the origin allows. */
export const MAX_UPSTREAM_H2_SESSIONS = 16;

/** Certificates made only to serve a 403: the most that a flood of names costs the host. */
export const REFUSAL_CERTIFICATES = { burst: 50, perSecond: 10 } as const;

/** Certificates of one VM: `*.example.com` lets a guest name any number of hosts. One more waits. */
export const CERTIFICATES = { burst: 200, perSecond: 25 } as const;

/** A connection that is denied altogether is reset after this time without a byte. */
export const DENIED_START_MS = 3_000;

/** The same on ports 80 and 443, where the guest speaks first and then gets the reason: a slow one takes seconds. */
export const DENIED_WEB_START_MS = 20_000;
