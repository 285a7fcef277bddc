import { expect, it } from 'vitest';
import { probeFirmware } from '../../../src/host/probe-firmware.ts';

it('probeFirmware() is 64 KiB with a jump to its start at the reset vector', () => {
  const firmware = probeFirmware();
  expect(firmware).toHaveLength(65_536);
  const [opcode, low = 0, high = 0] = firmware.subarray(0xfff0);
  expect(opcode).toBe(0xe9);
  expect((0xfff3 + low + (high << 8)) & 0xffff).toBe(0);
});
