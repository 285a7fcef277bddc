import { existsSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SAVED_FILES } from '../../../src/machine/saved-files.ts';
import { SNAPSHOT_VERSION } from '../../../src/vm/snapshot/saved-machine.ts';
import { TemplateStore } from '../../../src/vm/snapshot/template-store.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const IDENTITY = 'a'.repeat(64);
const MEMORY_BYTES = 8192;
const CHANNEL = { bytesIn: 104, bytesOut: 80 };

async function storeWithOne(): Promise<{ store: TemplateStore; directory: string }> {
  const parent = join(temporaryDirectory(), 'templates');
  const store = new TemplateStore(parent);
  await store.add(IDENTITY, MEMORY_BYTES, async (directory) => {
    writeFileSync(join(directory, SAVED_FILES.ram), Buffer.alloc(MEMORY_BYTES));
    writeFileSync(join(directory, SAVED_FILES.state), 'state');
    return CHANNEL;
  });
  return { store, directory: join(parent, IDENTITY) };
}

it('TemplateStore.open() gives null when there is none', async () => {
  const store = new TemplateStore(join(temporaryDirectory(), 'templates'));
  expect(await store.open(IDENTITY)).toBeNull();
});

it('TemplateStore.open() gives the files of a template that was added', async () => {
  const { store, directory } = await storeWithOne();
  expect(await store.open(IDENTITY)).toEqual({
    ramPath: join(directory, SAVED_FILES.ram),
    statePath: join(directory, SAVED_FILES.state),
    channel: CHANNEL,
  });
});

it.each([SAVED_FILES.ram, SAVED_FILES.state])(
  'TemplateStore.open() refuses a cut %s',
  async (name) => {
    const { store, directory } = await storeWithOne();
    truncateSync(join(directory, name), 3);
    await expect(store.open(IDENTITY)).rejects.toMatchObject({ code: 'SNAPSHOT_REFUSED' });
  },
);

it('TemplateStore.open() refuses a template of another machine', async () => {
  const { store, directory } = await storeWithOne();
  const sizes = { memoryBytes: MEMORY_BYTES, stateBytes: 5, channel: CHANNEL };
  const other = { version: SNAPSHOT_VERSION, identity: 'b'.repeat(64), ...sizes };
  writeFileSync(join(directory, 'manifest.json'), JSON.stringify(other));
  await expect(store.open(IDENTITY)).rejects.toMatchObject({ code: 'SNAPSHOT_REFUSED' });
});

it('TemplateStore.add() leaves nothing of a template whose saving fails', async () => {
  const parent = join(temporaryDirectory(), 'templates');
  const store = new TemplateStore(parent);
  const saving = store.add(IDENTITY, MEMORY_BYTES, async (directory) => {
    writeFileSync(join(directory, SAVED_FILES.ram), 'half');
    throw new Error('disk full');
  });
  await expect(saving).rejects.toThrow('disk full');
  expect(await store.open(IDENTITY)).toBeNull();
});

it('TemplateStore.add() says that the disk is full, so that the start can go on without', async () => {
  const parent = join(temporaryDirectory(), 'templates');
  const saving = new TemplateStore(parent).add(IDENTITY, MEMORY_BYTES, async () => {
    throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', syscall: 'write' });
  });
  await expect(saving).rejects.toMatchObject({ code: 'HOST_WRITE_FAILED' });
  expect(readdirSync(parent)).toEqual([]);
});

it('TemplateStore.discard() removes a template, and one that is gone already is fine', async () => {
  const { store, directory } = await storeWithOne();
  await store.discard(IDENTITY);
  expect(existsSync(directory)).toBe(false);
  await store.discard(IDENTITY);
  expect(await store.open(IDENTITY)).toBeNull();
});
