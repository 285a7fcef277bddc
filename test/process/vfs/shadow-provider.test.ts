import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { EDIT } from '../../../src/protocol/constants.ts';
import { OPCODE } from '../../../src/protocol/fuse/fuse-abi.ts';
import { MemoryProvider } from '../../../src/vfs/memory-provider.ts';
import type { VfsProvider } from '../../../src/vfs/provider.ts';
import { ReadonlyProvider } from '../../../src/vfs/readonly-provider.ts';
import { RealFSProvider } from '../../../src/vfs/real-fs-provider.ts';
import {
  createShadowPathPredicate,
  type ShadowPredicate,
  ShadowProvider,
} from '../../../src/vfs/shadow-provider.ts';
import { VirtualProvider } from '../../../src/vfs/virtual-provider.ts';
import { CachingGuest } from '../../fixtures/caching-guest.ts';
import { FuseClient } from '../../fixtures/fuse-client.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const PATTERNS = ['.env', '*.pem', '.git/config'];

/** A project with hidden files at several depths. */
function project(): string {
  const directory = temporaryDirectory();
  for (const path of ['.git', 'src', 'src/.env.d']) mkdirSync(join(directory, path));
  for (const path of ['.env', '.git/config', '.git/HEAD', 'src/.env', 'src/key.pem', 'src/a.js']) {
    writeFileSync(join(directory, path), path);
  }
  return directory;
}

async function start(
  provider: VfsProvider,
  predicate: ShadowPredicate = createShadowPathPredicate(PATTERNS),
) {
  const client = await FuseClient.start(new ShadowProvider(provider, { shouldShadow: predicate }));
  onTestFinished(() => client.server.close());
  return { client, root: await client.walk('m') };
}

async function names(client: FuseClient, path: string): Promise<string[]> {
  const listed = await client.list(await client.walk(path));
  return listed.filter((name) => name !== '.' && name !== '..').toSorted();
}

describe('ShadowProvider', () => {
  it('shows neither hidden names nor what leads to them', async () => {
    const { client } = await start(new RealFSProvider(project()));
    expect(await names(client, 'm')).toEqual(['.git', 'src']);
    expect(await names(client, 'm/src')).toEqual(['.env.d', 'a.js']);
    expect(await names(client, 'm/.git')).toEqual(['HEAD']);
    for (const path of ['.env', '.ENV', 'src/.env', 'src/key.pem', 'src/KEY.PEM', '.git/config']) {
      await expect(client.walk(`m/${path}`)).rejects.toThrow('ENOENT');
    }
  });

  it('a hidden name cannot be made, written over, linked, moved or removed', async () => {
    const directory = project();
    const { client, root } = await start(new RealFSProvider(directory));
    const src = await client.walk('m/src');
    const file = await client.walk('m/src/a.js');
    await expect(client.create(root, '.env')).rejects.toThrow('EACCES');
    expect((await client.mkdir(root, 'x.pem')).status).toBe('EACCES');
    expect((await client.symlink(root, '.env', 'src/a.js')).status).toBe('EACCES');
    expect((await client.link(file, root, 'b.pem')).status).toBe('EACCES');
    expect((await client.rename(src, 'a.js', root, '.env')).status).toBe('EACCES');
    expect((await client.rename(root, '.env', root, 'mine')).status).toBe('ENOENT');
    expect((await client.rename(src, 'a.js', src, '.env', 2)).status).toBe('EACCES');
    expect((await client.unlink(root, '.env')).status).toBe('ENOENT');
    expect(readFileSync(join(directory, '.env'), 'utf8')).toBe('.env');
    // A link of the guest leads to the same missing name.
    expect((await client.symlink(root, 'way', '.env')).status).toBe('ok');
    expect(readdirSync(directory).toSorted()).toEqual(['.env', '.git', 'src', 'way']);
  });

  it('a directory moves only where the same stays hidden below it', async () => {
    const directory = project();
    const { client, root } = await start(new RealFSProvider(directory));
    expect((await client.rename(root, '.git', root, 'git')).status).toBe('EPERM');
    expect((await client.mkdir(root, 'other')).status).toBe('ok');
    expect((await client.rename(root, 'other', root, '.git', 2)).status).toBe('EPERM');
    expect((await client.rename(root, 'src', root, 'lib')).status).toBe('ok');
    expect(await names(client, 'm/lib')).toEqual(['.env.d', 'a.js']);
    await expect(client.walk('m/lib/.env')).rejects.toThrow('ENOENT');
    // Files that nothing could be hidden below.
    const lib = await client.walk('m/lib');
    expect((await client.rename(lib, 'a.js', await client.walk('m/.git'), 'HEAD2')).status).toBe(
      'ok',
    );
  });

  it('with a predicate of its own it moves files, and no directories', async () => {
    const seen: string[] = [];
    const { client, root } = await start(new RealFSProvider(project()), ({ path }) => {
      seen.push(path);
      return path === '/src/.env';
    });
    expect((await client.rename(root, 'src', root, 'lib')).status).toBe('EXDEV');
    expect((await client.rename(root, '.env', root, 'env')).status).toBe('ok');
    expect(await names(client, 'm/src')).toEqual(['.env.d', 'a.js', 'key.pem']);
    expect(seen).toContain('/src/.env');
  });

  it('hides in any provider that knows places, in read-only and restored ones too', async () => {
    const directory = project();
    linkSync(join(directory, '.env'), join(directory, 'link-of-the-host'));
    const readonly = await start(new ReadonlyProvider(directory));
    expect(await names(readonly.client, 'm')).toEqual(['.git', 'link-of-the-host', 'src']);
    const memory = new MemoryProvider();
    memory.writeFile('a/.env', 'x');
    memory.writeFile('a/b', 'y');
    const { client } = await start(memory);
    const before = await client.walk('m/a');
    expect(await names(client, 'm/a')).toEqual(['b']);
    await client.server.quiesce();
    const state = JSON.parse(JSON.stringify(await client.server.exportState())) as unknown;
    const shadow = new ShadowProvider(new MemoryProvider(), {
      shouldShadow: createShadowPathPredicate(PATTERNS),
    });
    const restored = await FuseClient.start(shadow, undefined, state);
    onTestFinished(() => restored.server.close());
    const lookUp = (name: string) => restored.request(OPCODE.LOOKUP, before, restored.name(name));
    expect((await lookUp('.env')).status).toBe('ENOENT');
    expect((await lookUp('b')).status).toBe('ok');
  });

  it('tells of what changes on the host, but not of hidden names', async () => {
    const directory = project();
    const { client, root } = await start(new RealFSProvider(directory));
    const guest = new CachingGuest(client);
    await guest.lookup(root, 'src');
    const source = await guest.lookup(await client.walk('m/src'), 'a.js');
    expect(source).toBeGreaterThan(0);
    writeFileSync(join(directory, '.env'), 'changed');
    writeFileSync(join(directory, 'new.pem'), 'made');
    rmSync(join(directory, 'src/.env'));
    writeFileSync(join(directory, 'src/a.js'), 'changed');
    writeFileSync(join(directory, 'last'), '');
    const shown = () => client.edits.map(({ action, path }) => `${action} ${path}`);
    await expect
      .poll(shown, { timeout: 10_000, interval: 5 })
      .toEqual(expect.arrayContaining([`${EDIT.WRITE} m/src/a.js`, `${EDIT.MAKE_FILE} m/last`]));
    expect(shown()).toHaveLength(2);
  });

  it('refuses a provider that does not know the places of its nodes', () => {
    const provider = new MemoryProvider();
    Object.defineProperty(provider, 'place', { value: undefined });
    const make = () => new ShadowProvider(provider, { shouldShadow: () => false });
    expect(make).toThrowError(expect.objectContaining({ code: 'VM_BAD_OPTION' }));
  });
});

it('VirtualProvider passes everything on, and lets a class change what it wants', async () => {
  class Counted extends VirtualProvider {
    lookups = 0;
    override lookup(...place: Parameters<VirtualProvider['lookup']>) {
      this.lookups++;
      return super.lookup(...place);
    }
  }
  const counted = new Counted(new RealFSProvider(project()));
  const client = await FuseClient.start(counted);
  onTestFinished(() => client.server.close());
  expect(await names(client, 'm/src')).toContain('.env');
  expect(counted.lookups).toBeGreaterThan(0);
  const { id, handle } = await client.create(await client.walk('m'), 'file');
  await client.write(id, handle, 0, Buffer.from('text'));
  expect((await client.read(id, handle, 0, 10)).body.toString()).toBe('text');
});
