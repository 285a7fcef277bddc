import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import type { PortMapping } from '../../../src/address/parse-port-mapping.ts';
import { GondolinError } from '../../../src/errors/gondolin-error.ts';
import type { ExposedPort } from '../../../src/ingress/port-forward.ts';
import { SandboxPorts } from '../../../src/project/sandbox-ports.ts';
import { loopbackGuest } from '../../fixtures/ingress/loopback-guest.ts';
import { startTcp } from '../../fixtures/net/servers.ts';

/** A "VM" whose servers are those of this machine's loopback. */
function fakeVm() {
  const adopted: ExposedPort[] = [];
  const dial = loopbackGuest();
  return {
    adopted,
    connect: async (port: number) => {
      const socket = await dial(port);
      if (socket === null) throw new GondolinError('VM_CONNECT_REFUSED', 'nothing listens there');
      return socket;
    },
    adoptPorts: async (ports: readonly ExposedPort[]) => void adopted.push(...ports),
  };
}

async function open(...mappings: PortMapping[]) {
  const warnings: string[] = [];
  const ports = await SandboxPorts.open(mappings, (warning) => warnings.push(warning));
  onTestFinished(() => ports.close());
  return { ports, warnings };
}

it('SandboxPorts leads to the servers of the VM', async () => {
  const guestPort = await startTcp((socket) => socket.end('hello'));
  const { ports, warnings } = await open({ host: '127.0.0.1', port: 0, guestPort });
  const vm = fakeVm();
  await ports.serve(vm);
  const [{ port } = { port: 0 }] = ports.mappings;
  expect(vm.adopted).toHaveLength(1);
  expect(await text(connect(port, '127.0.0.1'))).toBe('hello');
  expect(warnings).toEqual([]);
});

it('SandboxPorts resets who connects before the VM runs', async () => {
  const guestPort = await startTcp((socket) => socket.end('hello'));
  const { ports } = await open({ host: '127.0.0.1', port: 0, guestPort });
  const [{ port } = { port: 0 }] = ports.mappings;
  const [error] = await once(connect(port, '127.0.0.1'), 'error');
  expect(error).toMatchObject({ code: 'ECONNRESET' });
});

it('SandboxPorts leaves no port open when one of them is in use', async () => {
  const taken = await startTcp(() => undefined);
  const probe = await open({ host: '127.0.0.1', port: 0, guestPort: 1 });
  const free = probe.ports.mappings[0]?.port ?? 0;
  await probe.ports.close();
  await expect(
    open(
      { host: '127.0.0.1', port: free, guestPort: 1 },
      { host: '127.0.0.1', port: taken, guestPort: 1 },
    ),
  ).rejects.toMatchObject({ code: 'INGRESS_PORT_IN_USE', details: { port: taken } });
  const [error] = await once(connect(free, '127.0.0.1'), 'error');
  expect(error).toMatchObject({ code: 'ECONNREFUSED' });
});

it('SandboxPorts warns of a port that other machines can reach', async () => {
  const { warnings } = await open({ host: '0.0.0.0', port: 0, guestPort: 1 });
  expect(warnings).toEqual([
    expect.stringMatching(/^port 0\.0\.0\.0:\d+ can be reached by other machines$/),
  ]);
});
