import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { DeflateDecoder } from './deflate-decoder.ts';

/** More than one is rare; more than this would be an attack on our memory. */
const MAX_ENCODINGS = 3;
const OPTIONS = { chunkSize: 64 * 1024 } as const;

type DecoderFactory = () => Transform;

function zstdFactory(): DecoderFactory | undefined {
  // Node 22.15 and later.
  const create = (zlib as { createZstdDecompress?: (options: object) => Transform })
    .createZstdDecompress;
  return create === undefined ? undefined : () => create(OPTIONS);
}

function decoderFactory(name: string): DecoderFactory | undefined {
  if (name === 'gzip' || name === 'x-gzip') return () => zlib.createGunzip(OPTIONS);
  if (name === 'deflate') return () => new DeflateDecoder();
  if (name === 'br') return () => zlib.createBrotliDecompress(OPTIONS);
  return name === 'zstd' ? zstdFactory() : undefined;
}

/**
 * Returns the encodings of a Content-Encoding header (untrusted) in the order of their application, without `identity`; null
 * if there are more than three or if this Node cannot decode one.
 * @see RFC 9110 §8.4
 */
export function parseContentEncoding(value: string): readonly string[] | null {
  const names = value
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '' && name !== 'identity');
  const isKnown = names.length <= MAX_ENCODINGS && names.every((name) => decoderFactory(name));
  return isKnown ? names : null;
}

/** Returns decoders for the encodings, in the order in which bytes pass through them; null if one is unknown. */
export function createDecoders(encodings: readonly string[]): Transform[] | null {
  const factories = encodings.toReversed().map(decoderFactory);
  const known = factories.filter((factory) => factory !== undefined);
  return known.length === factories.length ? known.map((create) => create()) : null;
}
