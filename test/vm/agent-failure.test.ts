import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AgentClient } from '../../src/agent/agent-client.ts';
import { resolveDirectories } from '../../src/host/directories.ts';
import { hostDebianRelease } from '../../src/host/image-environment.ts';
import { guestAgentPath } from '../../src/host/package-root.ts';
import { ensureImage } from '../../src/image/ensure-image.ts';
import type { GuestImage } from '../../src/image/guest-image.ts';
import { RealFSProvider } from '../../src/index.ts';
import { type Machine, startMachine } from '../../src/machine/start-machine.ts';
import { MuxSession } from '../../src/mux/mux-session.ts';
import { FuseServer } from '../../src/vfs/fuse-server.ts';
import { temporaryDirectory } from '../fixtures/temporary-directory.ts';

let image: GuestImage;
const machines: Machine[] = [];

beforeAll(async () => {
  const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  image = await ensureImage(
    { kind: 'debian', arch, release: hostDebianRelease(), packages: [], mirror: null },
    { cacheDirectory: resolveDirectories().cache, agentPath: guestAgentPath(), environment: {} },
  );
});

afterAll(async () => {
  await Promise.all(machines.map((machine) => machine.kill()));
  await image.release();
});

/** A machine, without a disk unless one is named, whose agent has said hello. */
async function bootAgent(
  rootfsPath: string | null = null,
): Promise<{ machine: Machine; agent: AgentClient }> {
  const { vmlinuxPath, initramfsPath } = image;
  const machine = await startMachine({
    ...{ vmlinuxPath, initramfsPath, rootfsPath },
    ...{ cpus: 1, memoryBytes: 256 * 2 ** 20 },
  });
  machines.push(machine);
  const agent = new AgentClient(new MuxSession(machine.control));
  await agent.hello;
  return { machine, agent };
}

it('a root device that never appears fails ROOT after a bounded wait, and the console says which', async () => {
  const { machine, agent } = await bootAgent();
  await expect(agent.root({ device: '/dev/vda', fsType: 'squashfs' })).rejects.toMatchObject({
    code: 'AGENT_REQUEST_FAILED',
    details: { errno: 'ENOENT', stage: 'wait 5000 ms for the root device /dev/vda' },
  });
  expect(machine.consoleTail()).toContain(
    'gondolin-agent: root: wait 5000 ms for the root device /dev/vda: No such file or directory',
  );
});

it('a file reply of an impossible length powers the guest off and the console says why', async () => {
  const { machine, agent } = await bootAgent();
  await agent.root({ device: '', fsType: '' });
  const mounts = [{ name: '0', target: '/x', provider: new RealFSProvider(import.meta.dirname) }];
  const server = new FuseServer({ mounts, user: { uid: 0, gid: 0 } });
  await server.start();
  server.attach(machine.fs);
  await agent.mountHost({ source: '0', target: '/x', isReadonly: false });
  machine.fs.write(Buffer.from([3, 0, 0, 0, ...Buffer.alloc(12)]));
  expect(await machine.exited).toMatchObject({ code: 0 });
  expect(machine.consoleTail()).toContain(
    'gondolin-agent: file channel: the host sent a message of 3 bytes: powering off',
  );
  await server.close();
});

it('SHUTDOWN ends what runs, writes back and unmounts before it powers off', async () => {
  const directory = temporaryDirectory();
  const { machine, agent } = await bootAgent(image.rootfsPath);
  await agent.root({ device: '/dev/vda', fsType: image.rootfsType });
  const mounts = [{ name: '0', target: '/work', provider: new RealFSProvider(directory) }];
  const server = new FuseServer({ mounts, user: { uid: 0, gid: 0 } });
  await server.start();
  server.attach(machine.fs);
  await agent.mountHost({ source: '0', target: '/work', isReadonly: false });
  // Holds the mount by its directory and an open file, in a mount namespace of its own too, and is never waited for.
  const script = `cd /work; exec 3>kept; head -c 8000000 /dev/zero | tr '\\0' x >&3; echo there
    unshare --mount sleep 1000 & exec sleep 1000`;
  const holder = await agent.exec({ argv: ['/bin/sh', '-c', script], stderr: 'stdout' });
  for await (const chunk of holder.stdout ?? []) {
    expect(String(chunk)).toBe('there\n');
    break;
  }
  const started = performance.now();
  await agent.shutdown();
  expect(await machine.exited).toMatchObject({ code: 0 });
  expect(performance.now() - started).toBeLessThan(2_900);
  expect(machine.consoleTail()).not.toContain('gondolin-agent:');
  expect(readFileSync(join(directory, 'kept'), 'utf8')).toBe('x'.repeat(8_000_000));
  await server.close();
});
