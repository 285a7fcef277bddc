import { hmac } from '@noble/hashes/hmac.js';
import { sha224, sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { defineGlobals } from './define.js';

const ALGORITHMS = { sha224, sha256, sha384, sha512 };
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** `crypto`: hashes and HMAC with Node's calls, random values with those of browsers. */
export function installCrypto({ randomBytes }) {
  const crypto = {
    createHash: (name) => digester(algorithm(name).create()),
    createHmac: (name, key) => digester(hmac.create(algorithm(name), toBytes(key))),
    getRandomValues(array) {
      const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
      bytes.set(new Uint8Array(randomBytes(bytes.length)));
      return array;
    },
    randomUUID() {
      const bytes = new Uint8Array(randomBytes(16));
      bytes[6] = (bytes[6] & 0x0f) | 0x40;
      bytes[8] = (bytes[8] & 0x3f) | 0x80;
      return toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    },
    timingSafeEqual(left, right) {
      const [a, b] = [toBytes(left), toBytes(right)];
      if (a.length !== b.length)
        throw new RangeError('timingSafeEqual: the inputs must have the same length');
      return a.reduce((difference, byte, index) => difference | (byte ^ b[index]), 0) === 0;
    },
  };
  defineGlobals({ crypto });
}

function algorithm(name) {
  const found = ALGORITHMS[String(name).toLowerCase().replace('-', '')];
  if (found === undefined)
    throw new TypeError(
      `crypto: there is no algorithm '${name}'; use ${Object.keys(ALGORITHMS).join(', ')}`,
    );
  return found;
}

function digester(hash) {
  return {
    update(data) {
      hash.update(toBytes(data));
      return this;
    },
    /** Bytes, or text in the encoding `hex`, `base64` or `base64url`. */
    digest(encoding) {
      const bytes = hash.digest();
      if (encoding === undefined) return bytes;
      if (encoding === 'hex') return toHex(bytes);
      if (encoding === 'base64') return toBase64(bytes);
      if (encoding === 'base64url')
        return toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
      throw new TypeError(`crypto: there is no encoding '${encoding}'`);
    },
  };
}

function toBytes(data) {
  if (typeof data === 'string') return new TextEncoder().encode(data);
  if (ArrayBuffer.isView(data))
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  throw new TypeError('crypto: data must be a string or bytes');
}

function toHex(bytes) {
  return Array.from(bytes, (byte) => HEX[byte]).join('');
}

function toBase64(bytes) {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const bits = (bytes[at] << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    const characters = [18, 12, 6, 0].map((shift) => BASE64[(bits >> shift) & 63]);
    text += characters.slice(0, Math.min(4, bytes.length - at + 1)).join('');
  }
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
}
