import type { Transform } from 'node:stream';
import { GondolinError } from '../../../errors/gondolin-error.ts';
import { createDecoders, parseContentEncoding } from '../coding/content-encoding.ts';
import { ExpansionLimit } from '../coding/expansion-limit.ts';
import { type HeaderList, headerValue, withoutHeaders } from '../header-list.ts';
import type { ScrubPatterns } from './scrub-patterns.ts';
import { ScrubStream } from './scrub-stream.ts';
import { scrubWhole } from './scrubber.ts';

/** How an answer goes on to the guest. */
export interface ResponsePlan {
  /** Fields for the guest. */
  readonly headers: HeaderList;
  /** The body may change its length: send it chunked (HTTP/1.1) or by frames (HTTP/2), never with a content-length. */
  readonly isRewritten: boolean;
  /** Streams the body goes through, in order; new ones at each call. Empty when it stays as it is. */
  createTransforms(): Transform[];
  /** A text of the answer that is no field, such as its reason phrase. */
  scrubText(text: string): string;
  /** Trailer fields for the guest. */
  scrubTrailers(trailers: HeaderList): HeaderList;
}

/** Length and partial answers are no longer true for a body that may change. */
const DROPPED = ['content-length', 'accept-ranges'];
/** Of the coded body, which the guest does not get. */
const DROPPED_WITH_CODING = ['content-encoding', 'content-md5', 'digest', 'content-digest'];

function scrubText(patterns: ScrubPatterns, text: string): string {
  const bytes = Buffer.from(text, 'latin1');
  return scrubWhole(patterns, bytes).toString('latin1');
}

function scrubFields(patterns: ScrubPatterns, fields: HeaderList): HeaderList {
  // The quick answer for nearly every one: all in one search. No value holds a line end.
  const all = fields.map(([name, value]) => `${name}\n${value}`).join('\n');
  if (scrubText(patterns, all) === all) return fields;
  return fields.map(([name, value]) => [scrubText(patterns, name), scrubText(patterns, value)]);
}

function createDecoderStages(encodings: readonly string[]): Transform[] {
  if (encodings.length === 0) return [];
  const { before, after } = new ExpansionLimit().createStages();
  return [before, ...(createDecoders(encodings) ?? []), after];
}

/**
 * Plans the scrubbing of one answer.
 * @param patterns  null when nothing has to be looked for: the answer stays as it is.
 * @param response  Untrusted. `hasBody` is false for HEAD, 204 and 304.
 * @throws {GondolinError} NET_RESPONSE_ENCODING when its body cannot be decoded.
 */
export function planResponse(
  patterns: ScrubPatterns | null,
  { headers, hasBody }: { readonly headers: HeaderList; readonly hasBody: boolean },
): ResponsePlan {
  if (patterns === null) {
    return {
      headers,
      isRewritten: false,
      createTransforms: () => [],
      scrubText: (text) => text,
      scrubTrailers: (trailers) => trailers,
    };
  }
  const encodings = hasBody ? parseContentEncoding(headerValue(headers, 'content-encoding')) : [];
  if (encodings === null) {
    throw new GondolinError(
      'NET_RESPONSE_ENCODING',
      'The server sent a content-encoding that cannot be decoded, though the request asked for none',
    );
  }
  const dropped = encodings.length === 0 ? DROPPED : [...DROPPED, ...DROPPED_WITH_CODING];
  return {
    headers: scrubFields(patterns, withoutHeaders(headers, dropped)),
    isRewritten: true,
    createTransforms: () =>
      hasBody ? [...createDecoderStages(encodings), new ScrubStream(patterns)] : [],
    scrubText: (text) => scrubText(patterns, text),
    scrubTrailers: (trailers) => scrubFields(patterns, trailers),
  };
}
