import { expect, it } from 'vitest';
import { GuestLoad, ProcessLoad } from '../../../../../src/net/http/exchange/limit/guest-load.ts';
import {
  MAX_HEAD_BYTES_PER_PROCESS,
  MAX_HEAD_BYTES_PER_VM,
  MAX_REQUESTS,
  MAX_WIDE_WINDOWS_PER_PROCESS,
  MAX_WIDE_WINDOWS_PER_VM,
  SURE_HEAD_BYTES_PER_VM,
} from '../../../../../src/net/limits.ts';

it('GuestLoad counts a request until its guest and its server are done with it', () => {
  const load = new GuestLoad(new ProcessLoad());
  const slot = load.admit(100);
  slot?.releaseServer();
  slot?.releaseServer();
  expect([load.requests, load.headBytes]).toEqual([1, 100]);
  slot?.releaseGuest();
  slot?.releaseGuest();
  expect([load.requests, load.headBytes]).toEqual([0, 0]);
});

it('GuestLoad admits no request above the number or the bytes of one VM', () => {
  const many = new GuestLoad(new ProcessLoad());
  for (let count = 0; count < MAX_REQUESTS; count += 1) expect(many.admit(1)).not.toBeNull();
  expect(many.admit(1)).toBeNull();
  const large = new GuestLoad(new ProcessLoad());
  expect(large.admit(MAX_HEAD_BYTES_PER_VM)).not.toBeNull();
  expect(large.admit(1)).toBeNull();
});

it('GuestLoad leaves each VM a little when others hold all that the process may', () => {
  const all = new ProcessLoad();
  for (let bytes = 0; bytes < MAX_HEAD_BYTES_PER_PROCESS; bytes += MAX_HEAD_BYTES_PER_VM) {
    expect(new GuestLoad(all).admit(MAX_HEAD_BYTES_PER_VM)).not.toBeNull();
  }
  const late = new GuestLoad(all);
  expect(late.admit(SURE_HEAD_BYTES_PER_VM)).not.toBeNull();
  expect(late.admit(1)).toBeNull();
});

it('GuestLoad lends wide windows up to the limit of a VM and of the process', () => {
  const all = new ProcessLoad();
  const lent = [];
  for (let vms = 0; vms < MAX_WIDE_WINDOWS_PER_PROCESS / MAX_WIDE_WINDOWS_PER_VM; vms += 1) {
    const load = new GuestLoad(all);
    for (let count = 0; count < MAX_WIDE_WINDOWS_PER_VM; count += 1) {
      lent.push(load.takeWideWindow());
    }
    expect(load.takeWideWindow()).toBeNull();
  }
  expect(lent).not.toContain(null);
  const late = new GuestLoad(all);
  expect(late.takeWideWindow()).toBeNull();
  lent[0]?.();
  expect(late.takeWideWindow()).not.toBeNull();
});
