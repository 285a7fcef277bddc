import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { reset } from '../../../src/net/tcp/splice.ts';
import { startTcp } from '../../fixtures/net/servers.ts';

it('reset() closes a socket that is just ending its half', async () => {
  const port = await startTcp((socket) => socket.resume());
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  socket.end();
  // The end is on its way to the kernel from the next tick on.
  await new Promise<void>((resolve) => process.nextTick(resolve));
  const closed = once(socket, 'close');
  reset(socket);
  await closed;
  expect(socket.destroyed).toBe(true);
});
