import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { resolveDirectories } from '../../../src/host/directories.ts';
import { readAttribute } from '../../../src/host/libc.ts';
import { OverlayKeeper } from '../../../src/project/overlays/overlay-keeper.ts';
import { MemoryProvider } from '../../../src/vfs/memory-provider.ts';
import { OverlayProvider } from '../../../src/vfs/overlay-provider.ts';
import { RealFSProvider } from '../../../src/vfs/real-fs-provider.ts';
import { directoryWith, runCli } from '../../fixtures/cli/run-cli.ts';
import { serveFakeVm } from '../../fixtures/fake-session.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

const PROJECT = `
name: shop
sandboxes:
  agent: { volumes: ['./src:/src:overlay', './docs:/docs:overlay'], steps: [ls] }
  noted: { volumes: [{ type: overlay, source: ./noted, target: /noted, xattrs: true }], steps: [ls] }
  plain: { steps: [ls] }
`;
const USER = { uid: 0, gid: 0 };

let cwd = '';
let env: Record<string, string> = {};

function run(...args: string[]) {
  return runCli(args, { cwd, env });
}

/** A volume with extended attributes. */
const NOTED = { sandbox: 'noted', extendedAttributes: true };

/** Changes a volume as a guest does. */
async function startChange(
  volume: string,
  files: Readonly<Record<string, string | null>>,
  { sandbox = 'agent', extendedAttributes = false } = {},
) {
  const { overlays: parent } = resolveDirectories(env);
  const place = { parent, project: 'shop', directory: cwd, sandbox };
  const keeper = new OverlayKeeper(place, (message) => expect.unreachable(message));
  const hostPath = join(cwd, volume);
  const provider = new OverlayProvider(
    new MemoryProvider({ extendedAttributes }),
    new RealFSProvider(hostPath, { extendedAttributes }),
  );
  keeper.watch({ guestPath: `/${volume}`, hostPath }, provider);
  const root = await provider.start(USER);
  for (const [name, text] of Object.entries(files)) {
    if (text === null) await provider.unlink(root, name);
    else {
      const file = { mode: 0o644, rdev: 0, flags: 0o1002 };
      const { handle } = await provider.create(root, name, file, USER);
      await provider.write(handle, Buffer.from(text), 0, false);
      await provider.release(handle);
    }
  }
  return { provider, keeper, root };
}

/** The same, and ends its VM. */
async function change(volume: string, files: Readonly<Record<string, string | null>>) {
  const { provider, keeper } = await startChange(volume, files);
  await provider.stop();
  await keeper.settled();
}

beforeEach(() => {
  cwd = directoryWith(PROJECT);
  env = { HOME: temporaryDirectory(), XDG_STATE_HOME: temporaryDirectory() };
  for (const volume of ['src', 'docs', 'noted']) mkdirSync(join(cwd, volume));
  writeFileSync(join(cwd, 'src/a.txt'), 'one\ntwo\n');
  writeFileSync(join(cwd, 'src/gone'), 'x');
});

it('gondolin diff lists what a run changed, as lines, a patch and JSON, and forgets it', async () => {
  await change('src', { 'a.txt': 'one\nthree\n', gone: null, 'bin\u001b[2J': 'a\0b' });
  expect((await run('diff')).stdout).toBe('M a.txt\nA bin\nD gone\n');
  await change('docs', { new: '' });
  const both = (await run('diff', 'agent')).stdout;
  expect(both).toContain(`agent /src (${join(cwd, 'src')})\nM a.txt\n`);
  expect(both).toContain(`agent /docs (${join(cwd, 'docs')})\nA new\n`);
  const { stdout: patch } = await run('diff', 'agent', '/src', '--patch');
  expect(patch).toContain('--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n');
  expect(patch).toContain('Binary files /dev/null and "b/bin\\u001b[2J" differ\n');
  const [json] = JSON.parse((await run('diff', 'agent', 'src', '--format', 'json')).stdout);
  expect(json).toMatchObject({ sandbox: 'agent', guestPath: '/src', hostPath: join(cwd, 'src') });
  expect(json.changes[0]).toMatchObject({ path: 'a.txt', kind: 'modified', state: 'pending' });
  expect((await run('diff', '--discard')).code).toBe(0);
  expect(await run('diff')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('PROJECT_OVERLAY_NOT_FOUND'),
  });
});

it('gondolin apply takes changes over, and nothing at all where the host changed a file too', async () => {
  await change('src', { 'a.txt': 'guest\n', gone: null, new: 'new' });
  const dry = await run('apply', '--dry-run');
  expect(dry).toMatchObject({ code: 0, stdout: 'M a.txt\nD gone\nA new\n' });
  expect(existsSync(join(cwd, 'src/new'))).toBe(false);
  writeFileSync(join(cwd, 'src/a.txt'), 'host\n');
  expect((await run('diff')).stdout).toContain('M a.txt  (the host changed it too)\n');
  for (const args of [['apply'], ['apply', '--dry-run']]) {
    const refused = await run(...args);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('error[PROJECT_OVERLAY_CONFLICT]');
    expect(refused.stderr).toContain('a.txt');
    expect(existsSync(join(cwd, 'src/gone'))).toBe(true);
  }
  const forced = await run('apply', '--force');
  expect(forced).toMatchObject({ code: 0, stdout: 'D gone\nM a.txt\nA new\n' });
  expect(readFileSync(join(cwd, 'src/a.txt'), 'utf8')).toBe('guest\n');
  expect(existsSync(join(cwd, 'src/gone'))).toBe(false);
  // They are taken over: there is nothing left to apply.
  expect((await run('apply')).stderr).toContain('PROJECT_OVERLAY_NOT_FOUND');
});

it('gondolin diff and apply mean what a sandbox that runs has changed so far', async () => {
  const { provider, keeper } = await startChange('src', { 'a.txt': 'guest\n' });
  onTestFinished(() => provider.stop());
  const owned = { project: 'shop', sandbox: 'agent', directory: cwd };
  const { sessions } = resolveDirectories(env);
  await serveFakeVm({ owned, sessions, keepOverlays: () => keeper.keepNow() });
  expect((await run('diff')).stdout).toBe('M a.txt\n');
  expect(await run('apply')).toMatchObject({ code: 0, stdout: 'M a.txt\n' });
  expect(readFileSync(join(cwd, 'src/a.txt'), 'utf8')).toBe('guest\n');
  expect((await run('diff')).stderr).toContain('PROJECT_OVERLAY_NOT_FOUND');
});

it('gondolin diff and apply show a change of extended attributes alone', async () => {
  for (const name of ['text', 'binary']) {
    writeFileSync(join(cwd, 'noted', name), name === 'text' ? 'one\n' : 'a\0b');
  }
  const { provider, keeper, root } = await startChange('noted', {}, NOTED);
  await provider.makeDirectory(root, 'new', 0o755, USER);
  for (const name of ['text', 'binary', 'new']) {
    const node = await provider.lookup(root, name);
    await provider.extendedAttributes?.set(node, 'user.note', Buffer.from('guest'), 0);
  }
  await provider.stop();
  await keeper.settled();
  expect((await run('diff', 'noted')).stdout).toBe('M binary\nA new/\nM text\n');
  const { stdout: patch } = await run('diff', 'noted', '--patch');
  expect(patch).toBe('a/binary: attributes changed\na/text: attributes changed\n');
  const [json] = JSON.parse((await run('diff', 'noted', '--format', 'json')).stdout);
  expect(Object.keys(json)).toEqual([
    ...['project', 'sandbox', 'guestPath', 'hostPath', 'savedAtMs', 'changes'],
  ]);
  expect(await run('apply', 'noted')).toMatchObject({ code: 0 });
  const fd = openSync(join(cwd, 'noted/text'), 'r');
  expect(readAttribute(fd, 'user.note').toString()).toBe('guest');
  closeSync(fd);
});

it('gondolin apply refuses to lose extended attributes, and says where', async () => {
  // The kernel's own file systems have none.
  rmdirSync(join(cwd, 'noted'));
  symlinkSync('/proc/sys', join(cwd, 'noted'));
  const { provider, keeper, root } = await startChange('noted', { file: 'text' }, NOTED);
  const node = await provider.lookup(root, 'file');
  await provider.extendedAttributes?.set(node, 'user.note', Buffer.from('guest'), 0);
  await provider.stop();
  await keeper.settled();
  const note = 'the file system of the host has no extended attributes';
  expect((await run('diff', 'noted')).stdout).toBe(`A file  (${note})\n`);
  const refused = await run('apply', 'noted');
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('PROJECT_OVERLAY_ATTRIBUTES');
  expect(refused.stderr).toContain('no extended attributes at file');
});

it.each([
  [['diff', 'plain'], 'sandbox plain has no overlay'],
  [['diff', 'agnet'], 'agnet'],
  [['apply', 'agent', '/other'], 'no overlay at /other'],
  [['diff', '--patch', '--format', 'json'], '--patch: it is text'],
])('gondolin %j is refused with what there is instead', async (args, text) => {
  await change('src', { new: 'new' });
  expect(await run(...args)).toMatchObject({ code: 2, stderr: expect.stringContaining(text) });
});
