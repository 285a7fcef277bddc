import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import type { AgentClient } from '../../../src/agent/agent-client.ts';
import type { AgentConnectOptions } from '../../../src/agent/connect.ts';
import { GondolinError } from '../../../src/errors/gondolin-error.ts';
import { connectTo } from '../../../src/vm/connect.ts';

/** An agent whose connections have this outcome. */
function fakeAgent(outcome?: Error) {
  const seen: AgentConnectOptions[] = [];
  const connect = async (options: AgentConnectOptions) => {
    seen.push(options);
    if (outcome !== undefined) throw outcome;
    return new PassThrough();
  };
  return { agent: { connect } as unknown as AgentClient, seen };
}

function reset(reason: number): GondolinError {
  return new GondolinError('MUX_STREAM_RESET', 'stream 2 ended early', { details: { reason } });
}

it.each([
  [3, 'VM_CONNECT_REFUSED'],
  [4, 'VM_CONNECT_TIMEOUT'],
  [5, 'VM_CONNECT_UNREACHABLE'],
  [1, 'MUX_STREAM_RESET'],
])('a connection that the guest resets with reason %i rejects with %s', async (reason, code) => {
  const { agent } = fakeAgent(reset(reason));
  await expect(connectTo(agent, 8080, {})).rejects.toMatchObject({ code });
});

it('the error names the port and the host', async () => {
  const { agent } = fakeAgent(reset(3));
  await expect(connectTo(agent, 8080, { host: '::1' })).rejects.toThrow(
    'cannot connect to port 8080 of ::1: nothing listens there',
  );
});

it('an aborted attempt rejects with VM_CONNECT_ABORTED, and other errors stay as they are', async () => {
  const { agent } = fakeAgent(new Error('the attempt to connect was cancelled'));
  const signal = AbortSignal.abort();
  await expect(connectTo(agent, 1, { signal })).rejects.toMatchObject({
    code: 'VM_CONNECT_ABORTED',
  });
  const closed = new GondolinError('MUX_CLOSED', 'closed');
  await expect(connectTo(fakeAgent(closed).agent, 1, {})).rejects.toBe(closed);
});

it('a host is an address, and localhost or none is any address of the guest', async () => {
  const { agent, seen } = fakeAgent();
  await connectTo(agent, 1, {});
  await connectTo(agent, 65_535, { host: 'localhost' });
  await connectTo(agent, 1, { host: '::ffff:10.0.2.15' });
  expect(seen.map(({ port }) => port)).toEqual([1, 65_535, 1]);
  expect(seen.map(({ address }) => address)).toEqual([
    null,
    null,
    { family: 4, value: 0x0a00020fn },
  ]);
});

it.each([0, 65_536, 1.5, Number.NaN, '80' as unknown as number])(
  'port %s is VM_BAD_OPTION',
  async (port) => {
    await expect(connectTo(fakeAgent().agent, port, {})).rejects.toMatchObject({
      code: 'VM_BAD_OPTION',
    });
  },
);

it.each(['example.com', '', '127.1', '[::1]'])('host %j is VM_BAD_OPTION', async (host) => {
  await expect(connectTo(fakeAgent().agent, 80, { host })).rejects.toMatchObject({
    code: 'VM_BAD_OPTION',
  });
});
