/** Bounds of `fetch` in a sandbox; bodies are bounded by the sizes of its buffers. docs/limits.md has them too. */

/** Requests of one sandbox in progress, or with a response that its handler has not taken. */
export const MAX_FETCHES = 32;

/** As in browsers. */
export const MAX_REDIRECTS = 20;

/** Longest URL of a request, in characters. */
export const MAX_URL_LENGTH = 16_384;

/** Names and values of a request's header, in characters; what the network takes from guests in bytes is twice as much. */
export const MAX_HEADER_LENGTH = 32_768;
export const MAX_HEADERS = 256;

/** The bodies of all requests of a sandbox together, and those of its responses, in bodies of the longest kind. */
export const FULL_BODIES = 4;
