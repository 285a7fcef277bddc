/** Bounds of DNS: of the messages that a guest sends, and of the names that the host resolves for it. */

/** Longest message that is read, in bytes: the limit of docs/protocol.md. */
export const MAX_QUERY_BYTES = 4_096;

/** Additional records of a message that is read. */
export const MAX_ADDITIONALS = 8;

/** Text that explains a refusal in a response (RFC 8914), in characters. */
export const MAX_EXPLANATION_LENGTH = 400;

/** Time for the host's resolver to respond. */
export const LOOKUP_MS = 10_000;

/** Lookups of one VM at once, and lookups in its queue; one more fails. */
export const MAX_LOOKUPS_AT_ONCE = 4;
export const MAX_LOOKUPS_WAITING = 256;

/** Names of one VM whose addresses are kept for `WaitingTimes.lookupCacheMs`. */
export const LOOKUP_CACHE_NAMES = 256;

/** Addresses of one name to try. */
export const MAX_CANDIDATES = 16;
