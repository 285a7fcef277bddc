import type { Transform } from 'node:stream';
import { GondolinError } from '../../../errors/gondolin-error.ts';
import { createDecoders, parseContentEncoding } from '../coding/content-encoding.ts';
import { ExpansionLimit } from '../coding/expansion-limit.ts';
import { type HeaderList, headerValue, withoutHeaders } from '../header-list.ts';
import type { ScrubPatterns } from './scrub-patterns.ts';
import { ScrubStream } from './scrub-stream.ts';
import { scrubWhole } from './scrubber.ts';

/** The way a response is passed to the guest. */
export interface ResponsePlan {
  /** Fields for the guest. */
  readonly headers: HeaderList;
  /** True if the body may change its length: send it chunked (HTTP/1.1) or in frames (HTTP/2), never with content-length. */
  readonly isRewritten: boolean;
  /** Returns new streams for the body, in order; empty if it stays unchanged. */
  createTransforms(): Transform[];
  /** Scrubs a text of the response that is not a field, such as its reason phrase. */
  scrubText(text: string): string;
  /** Returns the trailer fields for the guest. */
  scrubTrailers(trailers: HeaderList): HeaderList;
}

/** Fields about lengths and ranges, which do not hold for a body that may change. */
const DROPPED = ['content-length', 'accept-ranges'];
/** Fields about the coded body, which the guest does not get. */
const DROPPED_WITH_CODING = ['content-encoding', 'content-md5', 'digest', 'content-digest'];

function scrubText(patterns: ScrubPatterns, text: string): string {
  const bytes = Buffer.from(text, 'latin1');
  return scrubWhole(patterns, bytes).toString('latin1');
}

function scrubFields(patterns: ScrubPatterns, fields: HeaderList): HeaderList {
  // Fast path for most responses: search all fields at once. No value contains a line end.
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
 * Plans the scrubbing of one response.
 * @param patterns  null if there is nothing to search for: the response stays unchanged.
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
