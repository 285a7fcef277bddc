import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { VfsHookContext } from '../../../src/vfs/hooks/vfs-hooks.ts';
import { GuestWrites } from '../../../src/watch/files/guest-writes.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';
import { sandbox } from '../../unit/project/fake-vm.ts';

/** The writes of a guest that has a directory at /work, and what it does with its file `a`. */
function guest() {
  const hostPath = temporaryDirectory();
  const writes = new GuestWrites();
  const mount = { kind: 'host', hostPath, guestPath: '/work', isReadonly: false } as const;
  writes.setSandboxes([sandbox('box', [], { mounts: [mount] })]);
  const path = join(hostPath, 'a');
  const does = (op: VfsHookContext['op'], text?: string) => {
    if (text !== undefined) writeFileSync(path, text);
    writes.note('box', { op, path: '/work/a', flags: 0 } as VfsHookContext);
  };
  return { does, path, isOwn: () => writes.isOwn(path) };
}

it('what a guest wrote is its own, until the host saves the file', async () => {
  const { does, path, isOwn } = guest();
  does('create', '');
  does('write', 'guest');
  does('release');
  expect(await isOwn()).toBe(true);
  writeFileSync(path, 'host');
  expect(await isOwn()).toBe(false);
});

it('a save of the host while a program of the guest reads the file is not of the guest, and is known at once', async () => {
  const { does, path, isOwn } = guest();
  writeFileSync(path, 'first');
  does('open');
  does('read');
  writeFileSync(path, 'saved');
  does('release');
  // The guest has never written it: no write of it is waited for.
  const atOnce = new Promise((resolve) => setImmediate(resolve, 'later'));
  expect(await Promise.race([isOwn(), atOnce])).toBe(false);
});

it('a guest that wrote the file before and reads it now does not take over what the host saved', async () => {
  const { does, path, isOwn } = guest();
  does('write', 'guest');
  does('release');
  does('open');
  writeFileSync(path, 'saved by the host');
  does('release');
  expect(await isOwn()).toBe(false);
});
