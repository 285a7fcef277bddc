import { once } from 'node:events';
import { Duplex, PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { GondolinError } from '../../../../src/errors/gondolin-error.ts';
import { guestConnect, MAX_PORT_CONNECTIONS } from '../../../../src/vm/ports/guest-connect.ts';

it('guestConnect() gives null for a port where nothing listens, and for a VM that has not started', async () => {
  const refused = guestConnect(async () => {
    throw new GondolinError('VM_CONNECT_REFUSED', 'nothing listens there');
  });
  expect(await refused(80)).toBeNull();
  expect(await guestConnect(() => null)(80)).toBeNull();
});

it('guestConnect() passes other failures on', async () => {
  const ended = guestConnect(async () => {
    throw new GondolinError('VM_NOT_RUNNING', 'VM is not running');
  });
  await expect(ended(80)).rejects.toMatchObject({ code: 'VM_NOT_RUNNING' });
});

it('guestConnect() leaves streams for commands: one more connection is INGRESS_BUSY until one closes', async () => {
  const connect = guestConnect(async () => new PassThrough());
  const streams = await Promise.all(
    Array.from({ length: MAX_PORT_CONNECTIONS }, () => connect(80)),
  );
  await expect(connect(80)).rejects.toMatchObject({ code: 'INGRESS_BUSY' });
  const [first] = streams;
  if (!(first instanceof Duplex)) throw new Error('no stream');
  first.destroy();
  await once(first, 'close');
  expect(await connect(80)).toBeInstanceOf(PassThrough);
});

it('guestConnect() does not count what was refused or has failed', async () => {
  let count = 0;
  const connect = guestConnect(async () => {
    count += 1;
    throw new GondolinError(count % 2 === 0 ? 'VM_CONNECT_REFUSED' : 'VM_NOT_RUNNING', 'no');
  });
  for (let index = 0; index < 2 * MAX_PORT_CONNECTIONS; index++) {
    await connect(80).catch(() => null);
  }
  expect(count).toBe(2 * MAX_PORT_CONNECTIONS);
});
