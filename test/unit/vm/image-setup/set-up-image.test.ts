import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { GondolinError } from '../../../../src/errors/gondolin-error.ts';
import type { GuestImage, ImageEvent, SetupWork } from '../../../../src/image/guest-image.ts';
import type { ImageSetup } from '../../../../src/plan/plan.ts';
import { type SetupVm, setUpImage } from '../../../../src/vm/image-setup/set-up-image.ts';
import type { VMOptions } from '../../../../src/vm/vm-options.ts';
import { blockedEvent } from '../../../fixtures/network-events.ts';
import { temporaryDirectory } from '../../../fixtures/temporary-directory.ts';

const image = { key: 'base' } as GuestImage;

/** A VM whose commands print their names and exit with the number in them; `done` has what was asked of it, in order. */
function prepare(setup: Partial<ImageSetup>) {
  const done: string[] = [];
  const events: ImageEvent[] = [];
  const options: VMOptions[] = [];
  const missing = () => Promise.reject(new GondolinError('ENOENT', 'no such file'));
  const vm = {
    fs: {
      ...{ readFile: missing, readlink: missing, readdir: missing },
      mkdir: async (path: string) => void done.push(`mkdir ${path}`),
      copyIn: async (from: string, to: string) => void done.push(`copy ${from} ${to}`),
      async *archiveChunks() {
        done.push('export');
        yield Buffer.from('the archive');
      },
    },
    exec: async (command: string, { stdout }: { stdout: Writable }) => {
      done.push(`run ${command}`);
      stdout.write(`${command} says this\n`);
      return { exitCode: Number(/\d+/.exec(command)?.[0] ?? 0), signal: null };
    },
    close: async () => void done.push('close'),
  } as unknown as SetupVm;
  const create = async (own: VMOptions) => {
    options.push(own);
    own.onNetworkEvent?.(blockedEvent());
    return vm;
  };
  const directory = temporaryDirectory();
  const network = { allowedHosts: ['b.test'], allowedPrivate: [], extraHosts: [] };
  const work: SetupWork = {
    setup: { copy: [], commands: [], network, ...setup },
    ...{ directory, archivePath: join(directory, 'root.tar') },
    onEvent: (event) => void events.push(event),
    signal: new AbortController().signal,
  };
  return { work, create, done, events, options };
}

it('setUpImage() copies, runs the commands in order as root, and writes the root', async () => {
  const copy = [{ hostPath: '/h/tool', guestPath: '/opt/bin/tool' }];
  const { work, create, done, options } = prepare({ copy, commands: ['first', 'second'] });
  const { sizeBytes } = await setUpImage(create, image, work);
  expect(done).toEqual([
    ...['mkdir /opt/bin', 'copy /h/tool /opt/bin/tool', 'run first', 'run second'],
    ...['export', 'close'],
  ]);
  expect(readFileSync(work.archivePath, 'utf8')).toBe('the archive');
  expect(sizeBytes).toBe(11);
  expect(options[0]).toMatchObject({
    ...{ image, user: '0:0', cwd: '/', cold: true, sandbox: { rootOverlay: true } },
    network: { policy: { allowedHosts: ['b.test'] } },
  });
});

it('setUpImage() ends with the output of the command that fails, and closes the VM', async () => {
  const { work, create, done } = prepare({ commands: ['good', 'exit 7', 'never'] });
  await expect(setUpImage(create, image, work)).rejects.toMatchObject({
    ...{ code: 'IMAGE_SETUP_FAILED', details: { exitCode: 7 } },
    message: expect.stringMatching(
      /setup 2 of 3: exit 7: ended with exit code 7\n {2}exit 7 says this$/,
    ),
  });
  expect(done).toEqual(['run good', 'run exit 7', 'close']);
});

it('setUpImage() shows the output, and warns of what the network refused with what would allow it', async () => {
  const { work, create, events } = prepare({ commands: ['good'] });
  await setUpImage(create, image, work);
  expect(events.filter(({ phase }) => phase === 'output')).toMatchObject([
    { level: 'info', message: 'good says this' },
  ]);
  expect(events.filter(({ level }) => level === 'warning').map(({ message }) => message)).toEqual([
    'the setup was refused other.test: not in allowed_hosts',
    expect.stringContaining('network: { allowed_hosts: ["other.test"] }'),
  ]);
});
