import { defineGlobals } from './define.js';

const REPLACEMENT = 0xfffd;
const CHUNK = 8192;

/** `TextEncoder` and `TextDecoder` for UTF-8, as the Encoding Standard has them. */
export function installTextEncoding({ encodeUtf8, decodeUtf8 }) {
  class TextEncoder {
    get encoding() {
      return 'utf-8';
    }
    encode(text = '') {
      return new Uint8Array(encodeUtf8(String(text).toWellFormed()));
    }
  }

  class TextDecoder {
    #fatal;
    #keepsMark;
    constructor(label = 'utf-8', { fatal = false, ignoreBOM = false } = {}) {
      if (!/^\s*(utf-?8|unicode-1-1-utf-8)\s*$/i.test(label))
        throw new RangeError(`encoding '${label}' is not supported`);
      this.#fatal = Boolean(fatal);
      this.#keepsMark = Boolean(ignoreBOM);
    }
    get encoding() {
      return 'utf-8';
    }
    get fatal() {
      return this.#fatal;
    }
    get ignoreBOM() {
      return this.#keepsMark;
    }
    decode(input = new Uint8Array()) {
      const bytes = ArrayBuffer.isView(input)
        ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
        : new Uint8Array(input);
      const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
      const text = hasMark && !this.#keepsMark ? bytes.subarray(3) : bytes;
      return decodeUtf8(text) ?? decode(text, this.#fatal);
    }
  }
  defineGlobals({ TextEncoder, TextDecoder });
}

/** Bytes that are not all UTF-8, with the replacement character for what is not. */
function decode(bytes, isFatal) {
  const points = [];
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const { point, length } = readPoint(bytes, at);
    if (point === -1 && isFatal) throw new TypeError(`byte ${at} is not UTF-8`);
    points.push(point === -1 ? REPLACEMENT : point);
    at += length;
    if (points.length === CHUNK) text += String.fromCodePoint(...points.splice(0));
  }
  return text + String.fromCodePoint(...points);
}

/** Continuation bytes behind a first byte; 0 for one that begins no sequence. */
function continuations(first) {
  if (first >= 0xc2 && first <= 0xdf) return 1;
  if (first >= 0xe0 && first <= 0xef) return 2;
  return first >= 0xf0 && first <= 0xf4 ? 3 : 0;
}

/** First bytes after which not every continuation byte is valid: no overlong form, no surrogate, nothing above U+10FFFF. */
const SECOND_BYTE = { 224: [0xa0, 0xbf], 237: [0x80, 0x9f], 240: [0x90, 0xbf], 244: [0x80, 0x8f] };
const ANY = [0x80, 0xbf];

/** The code point at `at`, or -1 with the length of the maximal part that no valid sequence continues. */
function readPoint(bytes, at) {
  const first = bytes[at];
  if (first < 0x80) return { point: first, length: 1 };
  const count = continuations(first);
  if (count === 0) return { point: -1, length: 1 };
  let point = first & (0x3f >> count);
  for (let i = 1; i <= count; i++) {
    const byte = bytes[at + i];
    const [low, high] = (i === 1 && SECOND_BYTE[first]) || ANY;
    if (byte === undefined || byte < low || byte > high) return { point: -1, length: i };
    point = (point << 6) | (byte & 0x3f);
  }
  return { point, length: count + 1 };
}
