import { expect, it } from 'vitest';
import { decodeHostCall } from '../../../../src/js/wire/host-call.ts';
import { encodeHostValue } from '../../../../src/js/wire/host-value.ts';

const whole = Buffer.concat([
  encodeHostValue('math'),
  encodeHostValue('add'),
  Uint8Array.of(3),
  encodeHostValue({ a: [1] }),
  encodeHostValue(Uint8Array.of(1, 2)),
  encodeHostValue(undefined),
]);

it('decodeHostCall() reads names, JSON, bytes and undefined', () => {
  expect(decodeHostCall(whole)).toEqual({
    module: 'math',
    name: 'add',
    args: [{ a: [1] }, Uint8Array.of(1, 2), undefined],
  });
});

it('decodeHostCall() rejects every part of a call, and every change of a length', () => {
  for (let length = 0; length < whole.length; length++) {
    expect(() => decodeHostCall(whole.subarray(0, length)), `${length}`).toThrow();
  }
  const wrong = Buffer.from(whole);
  wrong.writeUInt32LE(2 ** 32 - 1, 1);
  expect(() => decodeHostCall(wrong)).toThrow(RangeError);
});
