import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import type { AgentClient } from '../../src/agent/agent-client.ts';
import { chooseAccelerator } from '../../src/host/accelerator.ts';
import { resolveDirectories } from '../../src/host/directories.ts';
import { requireTool } from '../../src/host/tools.ts';
import { saveMachine } from '../../src/machine/save-machine.ts';
import { SAVED_FILES } from '../../src/machine/saved-files.ts';
import type { MuxStream } from '../../src/mux/mux-stream.ts';
import { STREAM_KIND } from '../../src/protocol/constants.ts';
import { decodeTcpDestination } from '../../src/protocol/tcp-destination.ts';
import { resolveImage } from '../../src/vm/resolve-image.ts';
import { createCloneIdentity } from '../../src/vm/start/clone-identity.ts';
import { bootMachine } from '../../src/vm/start/cold.ts';
import { restoreMachine } from '../../src/vm/start/restore.ts';
import type { StartedGuest } from '../../src/vm/start/started-guest.ts';
import { temporaryDirectory } from '../fixtures/temporary-directory.ts';

async function run(agent: AgentClient, line: string): Promise<string> {
  const command = await agent.exec({ argv: ['/bin/bash', '-c', line], stderr: 'stdout' });
  if (command.stdout === null) throw new Error('no output');
  return text(command.stdout);
}

/** Greets each connection with its port and echoes; gives each to `onStream`. */
function greet({ session }: StartedGuest, onStream: (stream: MuxStream) => void = () => undefined) {
  session.onOpen(STREAM_KIND.TCP, (stream, body) => {
    stream.on('error', () => undefined);
    stream.write(`${decodeTcpDestination(body).port}\n`);
    stream.pipe(stream);
    onStream(stream);
  });
}

it('a restored machine still captures: old connections are reset, new ones reach the new host', async () => {
  const { image, release } = await resolveImage({});
  onTestFinished(release);
  const directory = temporaryDirectory();
  const directories = resolveDirectories();
  const qemu = requireTool('qemu-system-x86_64');
  const { accelerator } = await chooseAccelerator({ qemu, cacheDirectory: directories.cache });
  const { vmlinuxPath, initramfsPath, rootfsPath } = image;
  const spec = { vmlinuxPath, initramfsPath, rootfsPath, cpus: 1, memoryBytes: 256 * 2 ** 20 };
  const options = { accelerator, directories };

  const first = await bootMachine(
    spec,
    { device: '/dev/vda', fsType: image.rootfsType },
    null,
    options,
  );
  onTestFinished(() => first.machine.kill());
  await first.ready;
  await first.agent.network();
  const connected = new Promise<MuxStream>((resolve) => greet(first, resolve));
  const script =
    'exec 3<>/dev/tcp/203.0.113.1/7000; head -1 <&3; cat <&3 2>&1; echo over; sleep 1000';
  await first.agent.exec({
    argv: ['/bin/bash', '-c', `(${script}) > /tmp/log`],
    stdout: 'ignore',
    stderr: 'ignore',
  });
  await connected;
  await run(first.agent, 'until grep -q 7000 /tmp/log; do sleep 0.05; done');
  await first.agent.freeze();
  await saveMachine(first.machine, directory);
  await first.machine.kill();

  const saved = {
    ramPath: join(directory, SAVED_FILES.ram),
    statePath: join(directory, SAVED_FILES.state),
    channel: { bytesIn: 0, bytesOut: 0 },
    counterKhz: 0,
  };
  const second = await restoreMachine(spec, saved, () => createCloneIdentity({}), null, options);
  onTestFinished(() => second.machine.kill());
  greet(second);
  await second.ready;
  await second.agent.network();
  expect(await run(second.agent, 'exec 3<>/dev/tcp/203.0.113.1/7001; head -1 <&3')).toBe('7001\n');
  expect(
    await run(second.agent, 'until grep over /tmp/log; do sleep 0.05; done; cat /tmp/log'),
  ).toMatch(/^over\n7000\ncat: .*Connection reset by peer\nover\n$/);
  expect(await run(second.agent, 'exec 3<>/dev/tcp/2001:db8::1/7002; head -1 <&3')).toBe('7002\n');
});
