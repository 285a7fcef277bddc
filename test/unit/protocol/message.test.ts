import fc from 'fast-check';
import { expect, it } from 'vitest';
import { GondolinError } from '../../../src/errors/gondolin-error.ts';
import { MAX_LIST_ITEMS, MESSAGE } from '../../../src/protocol/constants.ts';
import {
  checkEmptyBody,
  decodeGuestMessage,
  decodePid,
  encodeGuestMessage,
  type GuestMessage,
} from '../../../src/protocol/guest-message.ts';
import {
  decodeHostMessage,
  encodeHostMessage,
  type HostRequest,
} from '../../../src/protocol/host-message.ts';
import { MessageWriter } from '../../../src/protocol/message-writer.ts';

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const requestId = fc.integer({ min: 1, max: 2 ** 32 - 1 });
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const text = fc.string({ unit: 'binary', maxLength: 30 }).filter((value) => !value.includes('\0'));
const bytes = fc.uint8Array({ maxLength: 40 });

const anyGuestMessage: fc.Arbitrary<GuestMessage> = fc.oneof(
  fc.record({
    type: fc.constant('HELLO' as const),
    version: u32,
    agentVersion: text,
    kernelRelease: text,
  }),
  fc.record({
    type: fc.constant('OK' as const),
    requestId,
    body: bytes.map((array) => Buffer.from(array)),
  }),
  fc.record({ type: fc.constant('FAILED' as const), requestId, errno: u32, stage: text }),
  fc.record({
    type: fc.constant('EXITED' as const),
    requestId,
    kind: fc.constant('CODE' as const),
    value: fc.nat(255),
    isOutOfMemory: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('EXITED' as const),
    requestId,
    kind: fc.constant('SIGNAL' as const),
    value: fc.integer({ min: 1, max: 64 }),
    isOutOfMemory: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('LOG' as const),
    level: fc.constantFrom('ERROR' as const, 'WARNING' as const, 'INFO' as const),
    text,
  }),
);

const shortText = fc.string({ maxLength: 64 }).filter((value) => !value.includes('\0'));
const identityFields = {
  realtimeNs: u64,
  hostname: shortText,
  machineId: shortText,
  bootId: shortText,
  entropy: fc.uint8Array({ maxLength: 512 }),
};

const terminalFields = {
  rows: fc.integer({ min: 1, max: 65_535 }),
  columns: fc.integer({ min: 1, max: 65_535 }),
};

const anyRequest: fc.Arbitrary<HostRequest> = fc.oneof(
  fc.record({
    type: fc.constant('ROOT' as const),
    device: text,
    fsType: text,
    mode: fc.constant('MEMORY' as const),
  }),
  fc.record({ type: fc.constant('IDENTITY' as const), ...identityFields }),
  fc.record({
    type: fc.constant('THAW' as const),
    isNewSession: fc.boolean(),
    ...identityFields,
  }),
  fc.record({
    type: fc.constant('MOUNT' as const),
    kind: fc.constantFrom('HOST' as const, 'TMPFS' as const),
    isReadonly: fc.boolean(),
    source: text,
    target: text,
    sizeBytes: u64,
    mode: u32,
    uid: u32,
    gid: u32,
  }),
  fc.record({
    type: fc.constant('EXEC' as const),
    stdin: u32,
    stdout: u32,
    stderr: u32,
    user: text,
    cwd: text,
    argv: fc.array(text),
    env: fc.array(text),
    terminal: fc.option(fc.record(terminalFields)),
  }),
  fc.record({ type: fc.constant('RESIZE' as const), execId: u32, ...terminalFields }),
  fc.record({
    type: fc.constant('KILL' as const),
    execId: u32,
    signal: u32,
    scope: fc.constantFrom('PROCESS' as const, 'GROUP' as const, 'TREE' as const),
  }),
  fc.record({
    type: fc.constant('FILE' as const),
    path: text,
    isAppended: fc.boolean(),
    isKept: fc.boolean(),
    isJavaStore: fc.boolean(),
    mode: fc.nat(0o7777),
    content: bytes,
  }),
  fc.record({
    type: fc.constantFrom(
      'SEAL' as const,
      'PING' as const,
      'SHUTDOWN' as const,
      'FREEZE' as const,
      'NETWORK' as const,
    ),
  }),
);

it('decodeGuestMessage() gives back what encodeGuestMessage() made', () => {
  fc.assert(
    fc.property(anyGuestMessage, (message) => {
      expect(decodeGuestMessage(encodeGuestMessage(message))).toEqual(message);
    }),
  );
});

it('decodeHostMessage() gives back what encodeHostMessage() made', () => {
  fc.assert(
    fc.property(requestId, anyRequest, (id, request) => {
      expect(decodeHostMessage(encodeHostMessage(id, request))).toEqual({ requestId: id, request });
    }),
  );
});

it('decodeGuestMessage() throws GUEST_PROTOCOL when any message is cut short or has one byte more', () => {
  fc.assert(
    fc.property(anyGuestMessage, fc.nat(), (message, place) => {
      const whole = encodeGuestMessage(message);
      const short = whole.subarray(0, place % whole.length);
      // The body of OK is whatever its request says: only its header can be short here.
      const isOpenEnded = message.type === 'OK';
      if (!isOpenEnded || short.length < 8) expect(() => decodeGuestMessage(short)).toThrow(GUEST);
      if (!isOpenEnded) {
        expect(() => decodeGuestMessage(Buffer.concat([whole, Buffer.of(0)]))).toThrow(GUEST);
      }
    }),
  );
});

it('decodeGuestMessage() throws nothing but GUEST_PROTOCOL for any bytes', () => {
  const type = fc.constantFrom(...Object.values(MESSAGE));
  fc.assert(
    fc.property(type, u32, fc.uint8Array({ maxLength: 60 }), (number, id, rest) => {
      const head = Buffer.alloc(8);
      head.writeUInt16LE(number);
      head.writeUInt32LE(id, 4);
      expectGuestErrorOnly(Buffer.concat([head, rest]));
    }),
    { numRuns: 1_000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (array) => {
      expectGuestErrorOnly(Buffer.from(array));
    }),
  );
});

const GUEST = expect.objectContaining({ code: 'GUEST_PROTOCOL' });

function expectGuestErrorOnly(payload: Buffer): void {
  try {
    decodeGuestMessage(payload);
  } catch (error) {
    expect(GondolinError.is(error) && error.code).toBe('GUEST_PROTOCOL');
  }
}

const guest = (type: keyof typeof MESSAGE, id = 1) => new MessageWriter(type, id);

it.each<[string, Buffer]>([
  ['an empty payload', Buffer.alloc(0)],
  ['an unknown type', Buffer.from('0600800000000000', 'hex')],
  ['a reserved field', Buffer.from('0280010001000000', 'hex')],
  ['a request of the host', guest('PING').finish()],
  [
    'HELLO with a request id',
    guest('HELLO').u32(1).string('', '').string('', '').string('', '').finish(),
  ],
  ['LOG with a request id', guest('LOG').u8(3).string('', '').finish()],
  ['OK without a request id', guest('OK', 0).finish()],
  ['EXITED without a request id', guest('EXITED', 0).u8(0).u8(0).u16(0).finish()],
  ['EXITED of an unknown kind', guest('EXITED').u8(2).u8(0).u16(0).finish()],
  ['EXITED with an unknown flag', guest('EXITED').u8(0).u8(2).u16(0).finish()],
  ['exit code 256', guest('EXITED').u8(0).u8(0).u16(256).finish()],
  ['signal 0', guest('EXITED').u8(1).u8(0).u16(0).finish()],
  ['signal 65', guest('EXITED').u8(1).u8(0).u16(65).finish()],
  ['a LOG of unknown level', guest('LOG', 0).u8(5).string('', '').finish()],
  ['a LOG above its limit', guest('LOG', 0).u8(3).string('', 'x'.repeat(1_025)).finish()],
  ['a stage above its limit', guest('FAILED').u32(1).string('', 'x'.repeat(4_097)).finish()],
  ['a stage with NUL', guest('FAILED').u32(1).bytes(Buffer.from('a\0b')).finish()],
  [
    'a string longer than its message',
    guest('FAILED')
      .u32(1)
      .u32(2 ** 32 - 1)
      .finish(),
  ],
])('decodeGuestMessage() throws GUEST_PROTOCOL for %s', (_name, payload) => {
  expect(() => decodeGuestMessage(payload)).toThrow(GUEST);
});

it('decodeGuestMessage() accepts text at its limit and replaces what is not UTF-8', () => {
  const log = guest('LOG', 0).u8(6).string('', 'x'.repeat(1_024)).finish();
  expect(decodeGuestMessage(log)).toMatchObject({ level: 'INFO', text: 'x'.repeat(1_024) });
  const failed = guest('FAILED').u32(2).bytes(Buffer.of(0x61, 0xff)).finish();
  expect(decodeGuestMessage(failed)).toMatchObject({ errno: 2, stage: 'a\ufffd' });
});

it('decodePid() accepts a positive 31-bit number of exactly 4 bytes', () => {
  const pid = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
  expect([1, 2 ** 31 - 1].map((value) => decodePid(pid(value)))).toEqual([1, 2 ** 31 - 1]);
  for (const body of [pid(0), pid(2 ** 31), Buffer.alloc(0), Buffer.alloc(3), Buffer.alloc(5, 1)]) {
    expect(() => decodePid(body)).toThrow(GUEST);
  }
});

it('checkEmptyBody() throws GUEST_PROTOCOL for one byte', () => {
  checkEmptyBody(Buffer.alloc(0));
  expect(() => checkEmptyBody(Buffer.of(0))).toThrow(GUEST);
});

it('decodeHostMessage() throws for a false count at once, without the memory it claims', () => {
  const exec = (count: number) =>
    guest('EXEC').u32(0).u32(0).u32(0).string('', '').string('', '').u32(count).finish();
  for (const count of [1, MAX_LIST_ITEMS, MAX_LIST_ITEMS + 1, 2 ** 32 - 1]) {
    expect(() => decodeHostMessage(exec(count))).toThrow(GUEST);
  }
});

it.each<[string, Buffer]>([
  ['a message of the guest', guest('OK').finish()],
  ['a mode that is not there', guest('ROOT').string('', '').string('', '').u8(0).finish()],
  ['a scope that is not there', guest('KILL').u32(1).u32(9).u8(3).finish()],
  ['an unknown mount flag', guest('MOUNT').u8(1).u8(2).finish()],
])('decodeHostMessage() throws GUEST_PROTOCOL for %s', (_name, payload) => {
  expect(() => decodeHostMessage(payload)).toThrow(GUEST);
});

it('encodeHostMessage() throws PROTOCOL_TEXT_HAS_NUL naming the field and not the text', () => {
  const streams = { stdin: 0, stdout: 0, stderr: 0 };
  const exec = { type: 'EXEC', ...streams, user: '', cwd: '', terminal: null } as const;
  const encode = () => encodeHostMessage(1, { ...exec, argv: ['x'], env: ['TOKEN=hush\0'] });
  expect(encode).toThrow(
    expect.objectContaining({
      code: 'PROTOCOL_TEXT_HAS_NUL',
      details: { message: 'EXEC', field: 'env' },
      message: expect.not.stringContaining('hush'),
    }),
  );
});

it('encodeHostMessage() lays out an IDENTITY byte for byte as docs/protocol.md says', () => {
  const payload = encodeHostMessage(7, {
    type: 'IDENTITY',
    realtimeNs: 0x0102030405060708n,
    hostname: 'vm',
    machineId: 'm',
    bootId: '',
    entropy: Uint8Array.of(0, 255),
  });
  const want =
    '0200 0000 07000000 0807060504030201 02000000 766d 01000000 6d 00000000 02000000 00ff';
  expect(payload.toString('hex')).toBe(want.replaceAll(' ', ''));
});
