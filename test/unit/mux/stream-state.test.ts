import { expect, it } from 'vitest';
import { GRANT_BYTES, StreamState } from '../../../src/mux/stream-state.ts';
import { INITIAL_WINDOW_BYTES, MAX_DATA_BYTES } from '../../../src/protocol/constants.ts';

const GUEST = expect.objectContaining({ code: 'GUEST_PROTOCOL' });

it('takeCredit() gives at most one DATA, then what is left of the window, then 0', () => {
  const state = new StreamState();
  const taken = Array.from({ length: 5 }, () => state.takeCredit(100_000));
  expect(taken).toEqual([MAX_DATA_BYTES, MAX_DATA_BYTES, MAX_DATA_BYTES, MAX_DATA_BYTES, 0]);
  state.receiveCredit(5);
  expect([state.takeCredit(3), state.takeCredit(3), state.takeCredit(3)]).toEqual([3, 2, 0]);
});

it('takeCredit() gives 0 once sending has ended or the stream was reset', () => {
  const ended = new StreamState();
  ended.endSending();
  const reset = new StreamState();
  reset.reset();
  expect([ended.takeCredit(1), reset.takeCredit(1)]).toEqual([0, 0]);
  expect([ended.hasEnded, reset.hasEnded]).toEqual([false, true]);
});

it('receiveCredit() throws for one byte more than was sent and accepts exactly that', () => {
  const state = new StreamState();
  state.takeCredit(10);
  expect(() => state.receiveCredit(11)).toThrow(GUEST);
  state.receiveCredit(10);
  expect(() => state.receiveCredit(1)).toThrow(GUEST);
});

it('receiveData() accepts exactly a window and throws for one byte more', () => {
  const state = new StreamState();
  state.receiveData(INITIAL_WINDOW_BYTES);
  expect(() => state.receiveData(1)).toThrow(
    expect.objectContaining({ details: expect.objectContaining({ limit: 0, got: 1 }) }),
  );
});

it('consume() asks for a grant from half a window on and takeGrant() reopens the window by it', () => {
  const state = new StreamState();
  state.receiveData(INITIAL_WINDOW_BYTES);
  expect(state.consume(GRANT_BYTES - 1)).toBe(false);
  expect(state.consume(1)).toBe(true);
  // Not before the CREDIT is written: until then the guest cannot know of it.
  expect(() => state.receiveData(1)).toThrow(GUEST);
  expect([state.takeGrant(), state.takeGrant()]).toEqual([GRANT_BYTES, 0]);
  state.receiveData(GRANT_BYTES);
  expect(() => state.receiveData(1)).toThrow(GUEST);
});

it('no grant is due once the guest has ended its side', () => {
  const state = new StreamState();
  state.receiveData(INITIAL_WINDOW_BYTES);
  state.receiveEof();
  expect(state.consume(INITIAL_WINDOW_BYTES)).toBe(false);
  expect(state.takeGrant()).toBe(0);
});

it('a stream ends when both sides have, in either order', () => {
  const hostFirst = new StreamState();
  hostFirst.endSending();
  hostFirst.receiveData(1);
  hostFirst.receiveEof();
  const guestFirst = new StreamState();
  guestFirst.receiveEof();
  expect([guestFirst.hasEnded, guestFirst.takeCredit(1)]).toEqual([false, 1]);
  guestFirst.endSending();
  expect([hostFirst.hasEnded, guestFirst.hasEnded]).toEqual([true, true]);
});
