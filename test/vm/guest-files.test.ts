import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { GuestStats, VM } from 'gondolin';
import { afterAll, beforeAll, expect, it } from 'vitest';

/** Each way; the memory of the guest holds it once. */
const BULK_BYTES = (process.env['GONDOLIN_ALL_ATTACKS'] === '1' ? 256 : 32) * 2 ** 20;

let vm: VM;
let host: string;

beforeAll(async () => {
  host = mkdtempSync(join(tmpdir(), 'gondolin-files-'));
  vm = await VM.create({ memory: '1GiB' });
});

afterAll(async () => {
  await vm.close();
  rmSync(host, { recursive: true, force: true });
});

const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error: { code: string }) => error.code,
  );

it('whole files are written, appended to and read, with modes and flags', async () => {
  await vm.fs.writeFile('/tmp/a', 'héllo', { mode: 0o640 });
  await vm.fs.appendFile('/tmp/a', Buffer.from('!'));
  expect(await vm.fs.readFile('/tmp/a', 'utf8')).toBe('héllo!');
  expect((await vm.fs.stat('/tmp/a')).mode & 0o777).toBe(0o640);
  expect((await vm.exec('cat /tmp/a')).stdout).toBe('héllo!');
  expect(await code(vm.fs.writeFile('/tmp/a', 'x', { flag: 'wx' }))).toBe('EEXIST');
  await vm.fs.writeFile('/tmp/a', ['one', Buffer.from('two')]);
  expect((await vm.fs.readFile('/tmp/a')).toString()).toBe('onetwo');
  expect((await vm.fs.readFile('/proc/self/status', 'utf8')).startsWith('Name:\t')).toBe(true);
});

it('what the kernel refuses has the code of node:fs', async () => {
  await vm.fs.mkdir('/tmp/full/x', { recursive: true });
  const codes = await Promise.all([
    code(vm.fs.readFile('/none')),
    code(vm.fs.readFile('/tmp')),
    code(vm.fs.readdir('/etc/passwd')),
    code(vm.fs.writeFile('/etc/x', 'sealed')),
    code(vm.fs.rmdir('/tmp/full')),
    code(vm.fs.delete('/tmp/full')),
    code(vm.fs.readlink('/tmp')),
    code(vm.fs.mkdir('/tmp')),
    code(vm.fs.rename('/tmp/full', '/run/full')),
    code(vm.fs.stat('/'.padEnd(300, 'n'))),
  ]);
  expect(codes).toEqual([
    ...['ENOENT', 'EISDIR', 'ENOTDIR', 'EROFS', 'ENOTEMPTY', 'ENOTEMPTY', 'EINVAL', 'EEXIST'],
    ...['EXDEV', 'ENAMETOOLONG'],
  ]);
  await expect(vm.fs.stat('/none/x')).rejects.toMatchObject({
    details: { errno: 'ENOENT', syscall: 'stat', path: '/none/x' },
  });
});

it('names, links, owners, modes and times are what Linux says they are', async () => {
  await vm.fs.mkdir('/tmp/d');
  await vm.fs.writeFile('/tmp/d/f', '12345');
  await vm.fs.symlink('f', '/tmp/d/l');
  await vm.fs.link('/tmp/d/f', '/tmp/d/h');
  await vm.fs.chmod('/tmp/d/f', 0o4750);
  await vm.fs.chown('/tmp/d/f', 1, 2);
  await vm.fs.chown('/tmp/d/l', 3, 4, { follow: false });
  await vm.fs.chmod('/tmp/d/f', 0o4750);
  await vm.fs.utimes('/tmp/d/f', -1.5, 1_700_000_000_123_456_789n);
  await vm.fs.truncate('/tmp/d/f', 3);
  await vm.fs.utimes('/tmp/d/l', 1, new Date(2_000), { follow: false });
  await vm.fs.rename('/tmp/d/h', '/tmp/d/g');
  const entries = (await vm.fs.listDir('/tmp/d')).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  expect(entries.map(({ name, type }) => [name, type])).toEqual([
    ['f', 'file'],
    ['g', 'file'],
    ['l', 'symlink'],
  ]);
  expect(entries[2]).toMatchObject({ uid: 3, gid: 4, mtimeNs: 2_000_000_000n });
  const stats = await vm.fs.stat('/tmp/d/l');
  expect(stats).toMatchObject({ size: 3, uid: 1, gid: 2, nlink: 2, atimeNs: -1_500_000_000n });
  expect(stats.mode & 0o7777).toBe(0o4750);
  expect((await vm.fs.lstat('/tmp/d/l')).isSymbolicLink()).toBe(true);
  expect(await vm.fs.readlink('/tmp/d/l')).toBe('f');
  expect(await vm.fs.realpath('/tmp/d/./l')).toBe('/tmp/d/f');
  expect(await vm.fs.realpath('.')).toBe('/root');
  await vm.fs.access('/tmp/d/f', 4);
  expect(await vm.fs.statfs('/tmp')).toMatchObject({ bsize: 4_096n });
  await vm.fs.delete('/tmp/d', { recursive: true });
  await vm.fs.delete('/tmp/d', { force: true });
  expect(await code(vm.fs.lstat('/tmp/d'))).toBe('ENOENT');
});

it('a handle reads and writes at positions, in any order', async () => {
  await using file = await vm.fs.open('/tmp/h', 'w+');
  await Promise.all([file.write(300_000, Buffer.from('end')), file.write(0, Buffer.from('start'))]);
  expect((await file.read(299_998, 100)).toString()).toBe('\0\0end');
  expect((await file.read(0, 400_000)).length).toBe(300_003);
  await file.truncate(5);
  await file.chmod(0o600);
  await file.utimes(1, 2);
  await file.sync();
  expect(await file.stat()).toMatchObject({ size: 5, mode: 0o100600, mtimeMs: 2_000 });
  await file.close();
  expect(await code(file.read(0, 1))).toBe('EBADF');
});

it('bulk goes in and out by streams, with the right bytes', async () => {
  const bytes = randomBytes(BULK_BYTES);
  const digest = createHash('sha256').update(bytes).digest('hex');
  const startedIn = performance.now();
  await pipeline(
    (function* () {
      for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000);
    })(),
    vm.fs.createWriteStream('/tmp/bulk'),
  );
  const startedOut = performance.now();
  const hash = createHash('sha256');
  for await (const chunk of vm.fs.createReadStream('/tmp/bulk')) hash.update(chunk as Buffer);
  const ended = performance.now();
  const rate = (ms: number) => `${(BULK_BYTES / 2 ** 20 / (ms / 1000)).toFixed(0)} MiB/s`;
  process.stdout.write(
    `guest files: ${BULK_BYTES / 2 ** 20} MiB in at ${rate(startedOut - startedIn)}, out at ${rate(ended - startedOut)}\n`,
  );
  expect(hash.digest('hex')).toBe(digest);
  expect((await vm.exec(['sha256sum', '/tmp/bulk'])).stdout.slice(0, 64)).toBe(digest);
  const part = vm.fs.createReadStream('/tmp/bulk', { start: 1_000_000, end: 1_999_999 });
  expect((await buffer(part)).equals(bytes.subarray(1_000_000, 2_000_000))).toBe(true);
  await vm.fs.delete('/tmp/bulk');
});

it("another user has that user's rights, and the image needs no program for it", async () => {
  const other = vm.filesAs('65534:65534');
  await vm.fs.writeFile('/tmp/secret', 'x', { mode: 0o600 });
  expect(await code(other.readFile('/tmp/secret'))).toBe('EACCES');
  await other.writeFile('/tmp/own', 'x');
  expect(await vm.fs.stat('/tmp/own')).toMatchObject({ uid: 65_534, gid: 65_534 });
  expect(await code(vm.filesAs('nobody-here').stat('/'))).toBe('AGENT_EXEC_BAD_USER');
  // Its program is the agent's, which no path of the guest leads to.
  const running = await vm.exec("ls -l /proc/[0-9]*/exe | grep -c 'init (deleted)'");
  expect(Number(running.stdout)).toBeGreaterThan(2);
});

it('files are served while commands fill their output', async () => {
  const yes = vm.exec(['yes'], { stdout: 'pipe' });
  await yes.pid;
  await vm.fs.writeFile('/tmp/while', Buffer.alloc(2 ** 20, 7));
  expect((await vm.fs.readFile('/tmp/while')).length).toBe(2 ** 20);
  await yes.kill('SIGKILL');
  yes.stdout?.resume();
  expect((await yes).signal).toBe('SIGKILL');
});

it('a FIFO, an endless file and a cancelled call stop nothing', async () => {
  await vm.exec(['mkfifo', '/tmp/fifo']);
  expect(await code(vm.fs.readFile('/tmp/fifo'))).toBe('ESPIPE');
  expect(await code(vm.fs.readFile('/dev/zero', { maxBytes: 1_000_000 }))).toBe('FILES_TOO_LARGE');
  const abort = new AbortController();
  const endless = vm.fs.createReadStream('/dev/zero', { signal: abort.signal });
  const cancelled = pipeline(endless, async (chunks) => {
    for await (const _ of chunks) abort.abort();
  });
  expect(await code(cancelled)).toBe('FILES_ABORTED');
  expect(await code(vm.fs.readFile('/dev/zero', { signal: abort.signal }))).toBe('FILES_ABORTED');
  expect((await vm.fs.stat('/')).isDirectory()).toBe(true);
});

it('when the process that serves the files is killed, calls fail with FILES_ENDED and the next one works', async () => {
  const file = await vm.fs.open('/dev/zero');
  const reading = buffer(vm.fs.createReadStream('/dev/zero'));
  await file.read(0, 1);
  const lost = code(reading);
  await vm.exec(
    "pkill -9 -f '^gondolin-files' -u 0 || kill -9 $(grep -l '^gondolin-files' /proc/[0-9]*/cmdline | cut -d/ -f3)",
  );
  expect(await lost).toBe('FILES_ENDED');
  expect(await code(file.read(0, 1))).toBe('FILES_ENDED');
  expect(await vm.fs.stat('/')).toBeInstanceOf(GuestStats);
});

it('bytes that a guest puts between the replies end the process with GUEST_PROTOCOL, and the next call works', async () => {
  await vm.fs.stat('/');
  const lost = code(buffer(vm.fs.createReadStream('/dev/zero')));
  const attack = await vm.exec(
    'for p in /proc/[0-9]*; do grep -q "^gondolin-files" $p/cmdline && printf "garbage garbage garbage" > $p/fd/1; done; true',
  );
  expect(attack.ok).toBe(true);
  expect(await lost).toBe('GUEST_PROTOCOL');
  expect((await vm.fs.stat('/')).isDirectory()).toBe(true);
});

it('names that are not UTF-8 are listed, read and deleted by their bytes', async () => {
  const path = Buffer.concat([Buffer.from('/tmp/n'), Buffer.of(0xff)]);
  await vm.fs.writeFile(path, 'odd');
  const entry = (await vm.fs.listDir('/tmp')).find(({ name }) => name === 'n\ufffd');
  expect(entry?.nameBytes).toEqual(Buffer.of(0x6e, 0xff));
  await vm.fs.copyOut(path, join(host, 'odd'));
  expect(readFileSync(join(host, 'odd'), 'utf8')).toBe('odd');
  await vm.fs.delete(path);
});

it('trees go in and out with modes, times, links and empty directories', async () => {
  const from = join(host, 'tree');
  mkdirSync(join(from, 'sub/empty'), { recursive: true });
  for (let i = 0; i < 200; i += 1) writeFileSync(join(from, `sub/f${i}`), `${i}`);
  writeFileSync(join(from, 'run.sh'), '#!/bin/sh\necho ran\n');
  chmodSync(join(from, 'run.sh'), 0o755);
  writeFileSync(join(from, 'large'), Buffer.alloc(700_000, 3));
  symlinkSync('../large', join(from, 'sub/link'));
  symlinkSync('/etc/passwd', join(from, 'out'));
  utimesSync(join(from, 'large'), 1, 1_234_567_890);
  chmodSync(join(from, 'sub/empty'), 0o500);
  utimesSync(join(from, 'sub'), 1, 1_000_000_000);
  const summary = { files: 202, directories: 3, links: 2, skipped: 0 };
  expect(await vm.fs.copyIn(from, '/tmp/tree')).toMatchObject(summary);
  expect((await vm.exec(['/tmp/tree/run.sh'])).stdout).toBe('ran\n');
  expect(
    (
      await vm.exec(
        'cd /tmp/tree; ls sub | wc -l; readlink sub/link; stat -c %Y sub; stat -c %a sub/empty',
      )
    ).stdout,
  ).toBe('202\n../large\n1000000000\n500\n');
  // Again over what is there, as a tool in a loop would.
  expect(await vm.fs.copyIn(from, '/tmp/tree')).toMatchObject(summary);
  await vm.exec(['mkfifo', '/tmp/tree/fifo']);
  await vm.fs.chmod('/tmp/tree/run.sh', 0o6755);
  const to = join(host, 'back');
  expect(await vm.fs.copyOut('/tmp/tree', to)).toMatchObject({ ...summary, skipped: 1 });
  expect(readdirSync(join(to, 'sub')).length).toBe(202);
  expect(readFileSync(join(to, 'large')).equals(Buffer.alloc(700_000, 3))).toBe(true);
  expect(readlinkSync(join(to, 'out'))).toBe('/etc/passwd');
  expect(statSync(join(to, 'large')).mtimeMs).toBe(1_234_567_890_000);
  expect(statSync(join(to, 'sub')).mtimeMs).toBe(1_000_000_000_000);
  expect(statSync(join(to, 'sub/empty')).mode & 0o777).toBe(0o500);
  expect(statSync(join(to, 'run.sh')).mode & 0o7777).toBe(0o755);
  expect(await vm.fs.copyOut('/tmp/tree', to)).toMatchObject({ ...summary, skipped: 1 });
  await vm.fs.copyOut('/tmp/tree/run.sh', join(to, 'sub/link'));
  expect(lstatSync(join(to, 'sub/link')).isFile()).toBe(true);
  expect(await code(vm.fs.copyOut('/tmp/tree', to, { maxEntries: 10 }))).toBe('FILES_TOO_LARGE');
  expect(await code(vm.fs.copyOut('/dev/zero', join(to, 'zero')))).toBe('done');
  expect(await code(vm.fs.copyIn(join(host, 'none'), '/tmp/x'))).toBe('FILES_COPY_FAILED');
  expect(await code(vm.fs.copyIn(from, '/none/x'))).toBe('ENOENT');
});

it('glob() finds paths by a pattern', async () => {
  expect(await vm.fs.glob('/tmp/tree/**/{f1,f2}?')).toEqual(
    Array.from({ length: 20 }, (_, i) => `/tmp/tree/sub/f${i + 10}`),
  );
  expect(await vm.fs.glob('/etc/host?ame')).toEqual(['/etc/hostname']);
  expect(await vm.fs.glob('/none/*')).toEqual([]);
});

it('a restored VM serves files as well', async () => {
  const saved = join(host, 'saved');
  mkdirSync(saved);
  const file = await vm.fs.open('/tmp/tree/run.sh');
  await vm.save(saved);
  expect((await file.read(0, 9)).toString()).toBe('#!/bin/sh');
  await using second = await VM.create({ memory: '1GiB', from: saved });
  expect(await second.fs.readFile('/tmp/tree/run.sh', 'utf8')).toContain('echo ran');
  const running = "cat /proc/[0-9]*/cmdline | tr '\\0' '\\n' | grep -c '^gondolin-files'";
  expect((await second.exec(running)).stdout).toBe('1\n');
});

it('after close() every call rejects with VM_NOT_RUNNING', async () => {
  await vm.close();
  expect(await code(vm.fs.stat('/'))).toBe('VM_NOT_RUNNING');
});
