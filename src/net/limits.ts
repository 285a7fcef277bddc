/**
 * Bounds of connections and HTTP: the memory and time that a guest or an upstream can take from the host. Bounds of one
 * parser or one list are next to it; docs/limits.md has them all.
 */

/** Guest connections of one VM at a time; the agent accepts no more than 900 itself. */
export const MAX_GUEST_CONNECTIONS = 1_000;

/** Requests of one VM that may be on their way at once; one more is answered 503. */
export const MAX_REQUESTS = 2_048;

/** Heads of requests that are on their way or whose response the guest has not read: one more is answered 503. */
export const MAX_HEAD_BYTES_PER_VM = 32 * 1024 * 1024;
export const MAX_HEAD_BYTES_PER_PROCESS = 128 * 1024 * 1024;

/** What each VM may hold of heads where others have filled the process's share. */
export const SURE_HEAD_BYTES_PER_VM = 2 * 1024 * 1024;

/** What an object takes for one header field, beside its characters. */
export const HEAD_FIELD_BYTES = 64;

/** Informational answers (1xx) to one request; a server that sends more is given up (502). */
export const MAX_INFORMATIONAL_ANSWERS = 64;

/** Requests at once on one HTTP/2 connection of the guest (SETTINGS_MAX_CONCURRENT_STREAMS). */
export const MAX_GUEST_H2_STREAMS = 128;

/** Header block of a request or a response, in bytes: 431 to the guest, 502 for an upstream beyond it. */
export const MAX_HEADER_BYTES = 64 * 1024;

/**
 * The same for HTTP/2 of a guest, where a few bytes can name a long field again and again: as clients know it from common
 * servers.
 */
export const MAX_GUEST_H2_HEADER_BYTES = 32 * 1024;

/** Fields of one header block, HTTP/2's own count included. */
export const MAX_HEADER_PAIRS = 512;

/** Bytes that are looked at to tell TLS from HTTP; a ClientHello with post-quantum keys takes about 2 KiB. */
export const MAX_PEEK_BYTES = 32 * 1024;

/** HTTP/2 windows towards a guest, in bytes: what its uploads may hold in memory, per stream and per connection. */
export const H2_GUEST_STREAM_WINDOW_BYTES = 512 * 1024;
export const H2_GUEST_SESSION_WINDOW_BYTES = 1024 * 1024;

/** HTTP/2 connections whose session window is that wide; the others have RFC 9113's 64 KiB. */
export const MAX_WIDE_WINDOWS_PER_VM = 32;
export const MAX_WIDE_WINDOWS_PER_PROCESS = 96;

/** The same towards a server. A window per round trip is the speed of a download: 20 MB/s over 50 ms. */
export const H2_SERVER_STREAM_WINDOW_BYTES = 1024 * 1024;
export const H2_SERVER_SESSION_WINDOW_BYTES = 4 * 1024 * 1024;

/**
 * A guest that is allowed to speak HTTP(S) may open a connection and stay silent, as browsers do, and clients that open many
 * while their CPU is busy.
 */
export const IDLE_START_MS = 5 * 60_000;

/** In `mode: open` a silent connection is handed to its server after this. */
export const OPEN_SERVER_FIRST_MS = 300;

/** From the first byte to a whole ClientHello or request line. */
export const PEEK_COMPLETE_MS = 30_000;

/**
 * Until the guest has finished its side of a TLS handshake. Under TCG it takes 20 ms of its CPU, and 0.4 s where OpenSSL reads
 * all public roots for each: of 500 at once half were not done after 2 minutes.
 */
export const GUEST_TLS_MS = 10 * 60_000;

/**
 * How long a connection that was dialled before the guest's connect() returned waits for its first request. Not longer: a
 * server counts it as one of its clients.
 */
export const SPARE_CONNECTION_MS = 10_000;

/** Until an upstream connection, with its TLS handshake, stands. */
export const DIAL_MS = 15_000;

/**
 * How long an HTTP/1.1 connection is kept for the next request where the server does not say (`Keep-Alive`). Short: a
 * request that meets the server's close has to be sent again.
 */
export const UPSTREAM_HTTP1_IDLE_MS = 4_000;

/** Idle HTTP/1.1 connections that one origin keeps. */
export const MAX_IDLE_PER_ORIGIN = 32;

/** What is kept of a request's body to send it once more on a new connection. */
export const MAX_REPLAY_BYTES = 64 * 1024;

/** Waiting times that tests shorten (`NetworkOptions.waits`), in milliseconds. */
export interface WaitingTimes {
  /** From a connection's start, or a request's first byte, to the end of its head: 408. */
  readonly guestHeadMs: number;
  /** How long the addresses of a name serve for further connections. */
  readonly lookupCacheMs: number;
  /** How long a guest connection is kept for the next request. */
  readonly guestIdleMs: number;
  /**
   * A guest that has ended its half waits for its answer, or is gone: both look the same. Its request is given up after
   * this long without a byte of the answer.
   */
  readonly guestHalfClosedMs: number;
  /** How long a response may wait for a guest that takes nothing of it, and an HTTP/2 guest may leave a ping unanswered. */
  readonly guestStallMs: number;
  /** From the end of our half to the end of the guest's, who may still be reading slowly what we sent. */
  readonly guestLingerMs: number;
  /**
   * From the end of a request to the first byte of its answer: long polls are slow. Dead peers are found before that, by
   * TCP keep-alive and by pings of HTTP/2.
   */
  readonly responseStartMs: number;
  /**
   * A silent HTTP/2 connection to a server is closed when it carries nothing; else the server is pinged, and is lost when
   * it is as silent as long again.
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

/** Pools of upstream connections; the longest unused is closed beyond that. */
export const MAX_UPSTREAM_ORIGINS = 256;

/** HTTP/2 connections to one origin; each carries as many streams as the origin allows. */
export const MAX_UPSTREAM_H2_SESSIONS = 16;

/** Until the host's resolver has answered. */
export const LOOKUP_MS = 10_000;

/** Lookups of one VM at once, and those that wait for them; one more fails. */
export const MAX_LOOKUPS_AT_ONCE = 4;
export const MAX_LOOKUPS_WAITING = 256;

/** Names of one VM whose addresses are kept for `WaitingTimes.lookupCacheMs`. */
export const LOOKUP_CACHE_NAMES = 256;

/** Addresses of one name that are tried. */
export const MAX_CANDIDATES = 16;

/** Certificates made only to say 403: a flood of names costs the host no more. */
export const REFUSAL_CERTIFICATES = { burst: 50, perSecond: 10 } as const;

/** Certificates of one VM: `*.example.com` lets a guest name hosts without end. One more waits. */
export const CERTIFICATES = { burst: 200, perSecond: 25 } as const;

/** A guest that may speak nothing at all to its destination is reset after this long without a byte. */
export const DENIED_START_MS = 3_000;

/** The same on ports 80 and 443, where the guest is sure to speak first and is then told why: a slow one takes seconds. */
export const DENIED_WEB_START_MS = 20_000;
