/** Shell lines that send bytes of ours from inside the guest, and the bytes. */

/** Base64 stands in a shell line without quotes. */
function base64(bytes: string | Buffer): string {
  return (typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes).toString('base64');
}

/**
 * Sends bytes on a plain connection, ends its half, prints what comes until the other side ends it (at most 2 s).
 *
 * @param staySeconds  The half is open so long: one that ends in the middle of a request takes the request back.
 */
export function plain(
  host: string,
  port: number | string,
  bytes: string | Buffer,
  staySeconds = 0.5,
): string {
  const send = `{ base64 -d <<< ${base64(bytes)}; sleep ${staySeconds}; }`;
  return `${send} | nc -q 2 -w 5 ${host} ${port} 2>&1 | tr -d '\\0'`;
}

export interface TlsAs {
  /** Server name of the handshake; null: none. @default the host */
  readonly serverName?: string | null;
  readonly alpn?: string;
  readonly port?: number;
}

/** The same over TLS; the connection must be ended by the other side. */
export function overTls(host: string, bytes: string | Buffer, as: TlsAs = {}): string {
  const { serverName = host, alpn, port = 443 } = as;
  const name = serverName === null ? '-noservername' : `-servername ${serverName}`;
  const protocols = alpn === undefined ? '' : `-alpn ${alpn}`;
  const client = `openssl s_client -quiet -verify_quiet -connect ${host}:${port} ${name} ${protocols}`;
  return `base64 -d <<< ${base64(bytes)} | timeout 6 ${client} 2>&1 | tr -d '\\0'`;
}

/** An HTTP/1.1 request from its lines. */
export function lines(...text: readonly string[]): string {
  return `${text.join('\r\n')}\r\n\r\n`;
}

/** The plain GET of a host, the last one of its connection. */
export function get(host: string, path = '/', ...more: readonly string[]): string {
  return lines(`GET ${path} HTTP/1.1`, `Host: ${host}`, 'Connection: close', ...more);
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Fields as HPACK literals that are not indexed; each name and value below 127 bytes. */
function fieldBlock(fields: readonly (readonly [string, string])[]): Buffer {
  const text = (value: string) => [value.length, ...Buffer.from(value, 'latin1')];
  return Buffer.from(fields.flatMap(([name, value]) => [0, ...text(name), ...text(value)]));
}

const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(4, 0, 0, Buffer.alloc(0)),
]);
const GOAWAY = frame(7, 0, 0, Buffer.alloc(8));

/** An HTTP/2 connection with one bodiless request per list of fields, then GOAWAY. */
export function http2(...requests: readonly (readonly (readonly [string, string])[])[]): Buffer {
  const heads = requests.map((fields, at) => frame(1, 5, 2 * at + 1, fieldBlock(fields)));
  return Buffer.concat([PREFACE, ...heads, GOAWAY]);
}

/** An HTTP/2 POST of one byte with a trailer field, then GOAWAY. */
export function http2WithTrailer(host: string, trailer: readonly [string, string]): Buffer {
  const [, ...rest] = pseudo(host);
  return Buffer.concat([
    PREFACE,
    frame(1, 4, 1, fieldBlock([[':method', 'POST'], ...rest])),
    frame(0, 0, 1, Buffer.from('a')),
    frame(1, 5, 1, fieldBlock([trailer])),
    GOAWAY,
  ]);
}

/** One HTTP/2 request whose field block goes on for ever in CONTINUATION frames. */
export function http2Flood(frames: number): Buffer {
  const head = frame(1, 1, 1, fieldBlock([[':method', 'GET']]));
  const more = frame(9, 0, 1, fieldBlock([['x-more', 'm'.repeat(120)]]));
  return Buffer.concat([PREFACE, head, ...Array.from({ length: frames }, () => more)]);
}

/** Streams that are opened and cancelled at once, then one that waits for its answer. */
export function http2Resets(host: string, count: number): Buffer {
  const block = fieldBlock(pseudo(host));
  const pairs = Array.from({ length: count }, (_, at) =>
    Buffer.concat([
      frame(1, 5, 2 * at + 1, block),
      frame(3, 0, 2 * at + 1, Buffer.from([0, 0, 0, 8])),
    ]),
  );
  return Buffer.concat([PREFACE, ...pairs, frame(1, 5, 2 * count + 1, block), GOAWAY]);
}

/** The pseudo fields of a GET. */
export function pseudo(authority: string, path = '/', scheme = 'https'): [string, string][] {
  return [
    [':method', 'GET'],
    [':scheme', scheme],
    [':path', path],
    [':authority', authority],
  ];
}

/** A masked WebSocket frame as clients send it. `first`: FIN and opcode. */
export function webSocketFrame(text: string, first = 0x81): Buffer {
  const mask = [7, 11, 13, 17];
  const body = Buffer.from(text, 'latin1').map((byte, at) => byte ^ (mask[at & 3] ?? 0));
  if (body.length > 125) throw new RangeError('too long for a short frame');
  return Buffer.concat([Buffer.from([first, 0x80 | body.length, ...mask]), body]);
}

/** A WebSocket handshake, with frames right behind it. */
export function webSocket(
  host: string,
  more: readonly string[],
  ...frames: readonly Buffer[]
): Buffer {
  const head = lines(
    'GET /chat HTTP/1.1',
    `Host: ${host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==',
    ...more,
  );
  return Buffer.concat([Buffer.from(head, 'latin1'), ...frames]);
}
