import { expect, it } from 'vitest';
import { Fetches, type RequestNetwork } from '../../../../src/js/fetch/fetches.ts';
import type { GuestRequest } from '../../../../src/net/http/guest-request.ts';

const HEAD = { url: 'http://api.test/', method: 'GET', headers: [], redirect: 'follow' };

/** A network whose servers respond when the test says so. */
function open(sizes = { requestBytes: 100, responseBytes: 100 }) {
  const requests: GuestRequest[] = [];
  const network: RequestNetwork = {
    request: (guest) => void requests.push(guest),
    rest: () => undefined,
  };
  return { requests, fetches: new Fetches(network, sizes) };
}

function respond({ response }: GuestRequest, body: string): void {
  response.onHead({ status: 200, statusText: 'OK', fields: ['a', 'b'] }, () => undefined);
  response.onData(Buffer.from(body));
  response.onEnd([]);
}

it.each([
  ['start', []],
  ['start', [null]],
  ['start', [{ ...HEAD, url: 1 }]],
  ['start', [{ ...HEAD, headers: 'x' }]],
  ['start', [{ ...HEAD, headers: [['a']] }]],
  ['start', [{ ...HEAD, headers: Array(300).fill(['a', 'b']) }]],
  ['start', [{ ...HEAD, redirect: 'x' }]],
  ['start', [HEAD, 'text']],
  ['start', [HEAD, new Uint8Array(101)]],
  ['take', [1]],
  ['take', ['__proto__']],
  ['other', []],
  ['constructor', []],
])('a broken guest gets a TypeError for %s %j', (name, args) => {
  expect(() => open().fetches.call(name, args)).toThrow(TypeError);
});

it('wait() takes any ids, and says of unknown ones that they are gone', async () => {
  const { fetches } = open();
  await expect(fetches.call('wait', ['x', 0])).rejects.toThrow(TypeError);
  expect(await fetches.call('wait', [[7], 0])).toMatchObject({ id: 7, error: expect.anything() });
  expect(await fetches.call('wait', [[{}], 'x'])).toMatchObject({ error: expect.anything() });
  expect(await fetches.call('wait', [[], 0])).toBeNull();
  expect(fetches.call('cancel', ['x'])).toBeUndefined();
});

it('a response is held until it is taken, and its bytes are free again afterwards', async () => {
  const { requests, fetches } = open();
  for (let round = 0; round < 10; round++) {
    const id = fetches.call('start', [HEAD, new Uint8Array(100)]);
    respond(requests[round] as GuestRequest, 'x'.repeat(100));
    expect(await fetches.call('wait', [[id], -1])).toMatchObject({ id, status: 200 });
    // A second wait gives the same: nothing was lost if the guest asks again.
    expect(await fetches.call('wait', [[id], -1])).toMatchObject({ id, status: 200 });
    expect(fetches.call('take', [id])).toHaveLength(100);
    expect(() => fetches.call('take', [id])).toThrow(TypeError);
  }
});

it('cancelAll() breaks every request off and frees what it holds', async () => {
  const { requests, fetches } = open();
  let aborted = 0;
  for (let round = 0; round < 40; round++) {
    const id = fetches.call('start', [HEAD]);
    const request = requests.at(-1) as GuestRequest;
    const abort = () => {
      aborted += 1;
    };
    request.response.onStart({ address: null, abort });
    request.response.onHead({ status: 200, statusText: '', fields: [] }, () => undefined);
    request.response.onData(Buffer.alloc(100));
    fetches.cancelAll();
    expect(await fetches.call('wait', [[id], -1])).toMatchObject({ id, error: expect.anything() });
  }
  expect(aborted).toBe(40);
});
