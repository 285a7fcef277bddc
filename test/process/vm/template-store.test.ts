import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SAVED_FILES } from '../../../src/machine/saved-files.ts';
import { SNAPSHOT_VERSION } from '../../../src/vm/snapshot/saved-machine.ts';
import { TemplateStore } from '../../../src/vm/snapshot/template-store.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const TEMPLATE_KEY = 'a'.repeat(64);
const MEMORY_BYTES = 8192;
const FACTS = { image: 'debian bookworm + git', memoryBytes: MEMORY_BYTES };
const GUEST = { channel: { bytesIn: 104, bytesOut: 80 }, counterKhz: 2_095_995 };

async function storeWithOne(): Promise<{ store: TemplateStore; directory: string }> {
  const parent = join(temporaryDirectory(), 'templates');
  const store = new TemplateStore(parent);
  await store.add(TEMPLATE_KEY, FACTS, async (directory) => {
    writeFileSync(join(directory, SAVED_FILES.ram), Buffer.alloc(MEMORY_BYTES).fill('m', 5000));
    writeFileSync(join(directory, SAVED_FILES.state), 'state');
    return GUEST;
  });
  return { store, directory: join(parent, TEMPLATE_KEY) };
}

it('TemplateStore.open() returns null when there is none', async () => {
  const store = new TemplateStore(join(temporaryDirectory(), 'templates'));
  expect(await store.open(TEMPLATE_KEY)).toBeNull();
});

it('TemplateStore.open() returns the files of a template that was added', async () => {
  const { store, directory } = await storeWithOne();
  expect(await store.open(TEMPLATE_KEY)).toEqual({
    ramPath: join(directory, SAVED_FILES.ram),
    statePath: join(directory, SAVED_FILES.state),
    ...GUEST,
  });
});

it.each([SAVED_FILES.ram, SAVED_FILES.state])(
  'TemplateStore.open() refuses an incomplete %s',
  async (name) => {
    const { store, directory } = await storeWithOne();
    truncateSync(join(directory, name), 3);
    await expect(store.open(TEMPLATE_KEY)).rejects.toMatchObject({ code: 'SNAPSHOT_REFUSED' });
  },
);

it.each(Object.values(SAVED_FILES))(
  'TemplateStore.open() refuses a %s of the same size with another byte',
  async (name) => {
    const { store, directory } = await storeWithOne();
    const path = join(directory, name);
    const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
    // A file that the template did not have when it was saved is refused too.
    writeFileSync(path, bytes.length === 0 ? 'x' : bytes.fill(0xaa, bytes.length - 1));
    await expect(store.open(TEMPLATE_KEY)).rejects.toMatchObject({ code: 'SNAPSHOT_REFUSED' });
  },
);

it('TemplateStore.open() reads the memory again when its file was touched, and only then', async () => {
  const { store, directory } = await storeWithOne();
  const verified = () => readFileSync(join(directory, 'verified.txt'), 'utf8');
  const before = verified();
  expect(await store.open(TEMPLATE_KEY)).not.toBeNull();
  expect(verified()).toBe(before);
  utimesSync(join(directory, SAVED_FILES.ram), 1, 1);
  expect(await store.open(TEMPLATE_KEY)).not.toBeNull();
  expect(verified()).not.toBe(before);
});

it('TemplateStore.open() accepts a copy of a template whose memory has its holes elsewhere', async () => {
  const { store, directory } = await storeWithOne();
  const path = join(directory, SAVED_FILES.ram);
  const bytes = readFileSync(path);
  rmSync(path);
  writeFileSync(path, '');
  truncateSync(path, MEMORY_BYTES);
  const file = openSync(path, 'r+');
  writeSync(file, bytes.subarray(4096), 0, 4096, 4096);
  closeSync(file);
  expect(await store.open(TEMPLATE_KEY)).not.toBeNull();
});

it('TemplateStore.open() refuses a template of another kind of machine', async () => {
  const { store, directory } = await storeWithOne();
  const sizes = { memoryBytes: MEMORY_BYTES, stateBytes: 5, channel: GUEST.channel };
  const other = { version: SNAPSHOT_VERSION, templateKey: 'b'.repeat(64), ...sizes };
  writeFileSync(join(directory, 'manifest.json'), JSON.stringify(other));
  await expect(store.open(TEMPLATE_KEY)).rejects.toMatchObject({ code: 'SNAPSHOT_REFUSED' });
});

it('TemplateStore.list() names the image of each template, where it is known', async () => {
  const { store, directory } = await storeWithOne();
  expect(await store.list()).toMatchObject([
    { name: TEMPLATE_KEY, image: 'debian bookworm + git' },
  ]);
  truncateSync(join(directory, 'template.json'), 5);
  expect(await store.list()).toMatchObject([{ name: TEMPLATE_KEY, image: null }]);
});

it('TemplateStore.add() leaves nothing of a template whose saving fails', async () => {
  const parent = join(temporaryDirectory(), 'templates');
  const store = new TemplateStore(parent);
  const saving = store.add(TEMPLATE_KEY, FACTS, async (directory) => {
    writeFileSync(join(directory, SAVED_FILES.ram), 'half');
    throw new Error('disk full');
  });
  await expect(saving).rejects.toThrow('disk full');
  expect(await store.open(TEMPLATE_KEY)).toBeNull();
});

it('TemplateStore.add() reports a full disk, so that the start can continue without a template', async () => {
  const parent = join(temporaryDirectory(), 'templates');
  const saving = new TemplateStore(parent).add(TEMPLATE_KEY, FACTS, async () => {
    throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', syscall: 'write' });
  });
  await expect(saving).rejects.toMatchObject({ code: 'HOST_WRITE_FAILED' });
  expect(readdirSync(parent)).toEqual([]);
});

it('TemplateStore.discard() removes a template, and accepts that there is none', async () => {
  const { store, directory } = await storeWithOne();
  await store.discard(TEMPLATE_KEY);
  expect(existsSync(directory)).toBe(false);
  await store.discard(TEMPLATE_KEY);
  expect(await store.open(TEMPLATE_KEY)).toBeNull();
});
