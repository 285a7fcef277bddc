import { Headers } from './headers.js';

const TEXT_TYPE = 'text/plain;charset=UTF-8';
const FORM_TYPE = 'application/x-www-form-urlencoded;charset=UTF-8';
const BODILESS = new Set([101, 103, 204, 205, 304]);

let bytesOf;

/** Takes the bytes of a request for sending; undefined for none. */
export const takeBytes = (message) => bytesOf(message);

/** The body of a message: bytes that are there as a whole. `body` is null, because there are no streams. */
class Message {
  static {
    bytesOf = (message) => message.#take();
  }

  #bytes;
  #isUsed = false;

  constructor(bytes) {
    this.#bytes = bytes;
  }

  get body() {
    return null;
  }

  get bodyUsed() {
    return this.#isUsed;
  }

  async bytes() {
    return this.#take() ?? new Uint8Array();
  }

  async arrayBuffer() {
    const bytes = await this.bytes();
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  }

  async text() {
    return new TextDecoder().decode(await this.bytes());
  }

  async json() {
    return JSON.parse(await this.text());
  }

  /** The bytes of a copy. */
  copied() {
    if (this.#isUsed) throw new TypeError('the body has been read already');
    return this.#bytes?.slice();
  }

  #take() {
    if (this.#isUsed) throw new TypeError('the body has been read already');
    this.#isUsed = this.#bytes !== undefined;
    return this.#bytes;
  }
}

export class Request extends Message {
  #headers;
  #init;

  constructor(input, init = {}) {
    const from = input instanceof Request ? input : undefined;
    const method = normalized(init.method ?? from?.method ?? 'GET');
    const headers = new Headers(init.headers ?? from?.headers);
    const given = init.body ?? undefined;
    const { bytes, type } =
      given === undefined
        ? { bytes: from === undefined ? undefined : takeBytes(from) }
        : read(given);
    if (bytes !== undefined && (method === 'GET' || method === 'HEAD'))
      throw new TypeError(`a ${method} request has no body`);
    if (type !== undefined && !headers.has('content-type')) headers.set('content-type', type);
    super(bytes);
    this.#headers = headers;
    const redirect = init.redirect ?? from?.redirect ?? 'follow';
    const signal = init.signal ?? from?.signal ?? null;
    this.#init = { url: from?.url ?? String(input), method, redirect, signal };
  }

  get url() {
    return this.#init.url;
  }

  get method() {
    return this.#init.method;
  }

  get headers() {
    return this.#headers;
  }

  get redirect() {
    return this.#init.redirect;
  }

  get signal() {
    return this.#init.signal;
  }

  clone() {
    const { url, method, redirect, signal } = this;
    return new Request(url, {
      method,
      redirect,
      signal,
      headers: this.headers,
      body: this.copied(),
    });
  }

  get [Symbol.toStringTag]() {
    return 'Request';
  }
}

let responseFrom;

/** Makes the response of a server. */
export const toResponse = (bytes, facts) => responseFrom(bytes, facts);

export class Response extends Message {
  static {
    responseFrom = (bytes, { status, statusText, headers, url, isRedirected }) => {
      const response = new Response(null, { headers });
      const isBodiless = BODILESS.has(status);
      const whole = isBodiless ? response : new Response(bytes, { headers });
      whole.#facts = { status, statusText, url, redirected: isRedirected, type: 'basic' };
      return whole;
    };
  }

  #headers;
  #facts;

  constructor(body = null, { status = 200, statusText = '', headers } = {}) {
    if (!(Number.isInteger(status) && status >= 200 && status <= 599))
      throw new RangeError('the status of a Response is from 200 to 599');
    const { bytes, type } = body === null ? {} : read(body);
    super(bytes);
    this.#headers = new Headers(headers);
    this.#facts = {
      status,
      statusText: String(statusText),
      url: '',
      redirected: false,
      type: 'default',
    };
    if (type !== undefined && !this.#headers.has('content-type'))
      this.#headers.set('content-type', type);
  }

  static json(data, init = {}) {
    const response = new Response(JSON.stringify(data), init);
    if (!new Headers(init.headers).has('content-type'))
      response.headers.set('content-type', 'application/json');
    return response;
  }

  get status() {
    return this.#facts.status;
  }

  get ok() {
    return this.status >= 200 && this.status <= 299;
  }

  get statusText() {
    return this.#facts.statusText;
  }

  get headers() {
    return this.#headers;
  }

  get url() {
    return this.#facts.url;
  }

  get redirected() {
    return this.#facts.redirected;
  }

  get type() {
    return this.#facts.type;
  }

  clone() {
    const copy = new Response(this.copied() ?? null, { headers: this.headers });
    copy.#facts = this.#facts;
    return copy;
  }

  get [Symbol.toStringTag]() {
    return 'Response';
  }
}

/** A body as bytes, with the type it has by itself. */
function read(body) {
  if (body instanceof Uint8Array) return { bytes: body };
  if (ArrayBuffer.isView(body))
    return { bytes: new Uint8Array(body.buffer, body.byteOffset, body.byteLength) };
  if (body instanceof ArrayBuffer) return { bytes: new Uint8Array(body) };
  const type = body?.[Symbol.toStringTag] === 'URLSearchParams' ? FORM_TYPE : TEXT_TYPE;
  return { bytes: new TextEncoder().encode(String(body)), type };
}

function normalized(method) {
  const text = String(method);
  return /^(?:delete|get|head|options|post|put)$/i.test(text) ? text.toUpperCase() : text;
}
