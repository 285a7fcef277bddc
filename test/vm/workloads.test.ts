import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ExecResult, RealFSProvider, VM } from 'gondolin';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WORKLOAD_MACHINE } from '../fixtures/workload-image.ts';

let vm: VM;
let shared: string;

beforeAll(async () => {
  shared = mkdtempSync(join(tmpdir(), 'gondolin-workloads-'));
  vm = await VM.create({
    ...WORKLOAD_MACHINE,
    vfs: { mounts: { '/work': new RealFSProvider(shared) } },
  });
});

afterAll(async () => {
  await vm.close();
  rmSync(shared, { recursive: true, force: true });
});

/** Runs a script that must succeed, in a fresh directory of the mount. */
async function succeed(name: string, script: string, user = ''): Promise<ExecResult> {
  mkdirSync(join(shared, name), { recursive: true });
  const result = await vm.exec(`set -e; ${script}`, {
    cwd: `/work/${name}`,
    ...(user === '' ? {} : { user }),
  });
  expect(result, `${result.stdout}\n${result.stderr}`).toMatchObject({ exitCode: 0 });
  return result;
}

it('files belong to the guest user who made them and to the host user on the host', async () => {
  await succeed(
    'owners',
    'chmod 777 . && touch by-root && su -s /bin/sh nobody -c "touch by-nobody; id -u" > /dev/null',
  );
  const { stdout } = await succeed(
    'owners',
    `chown 1234:5678 by-root && chmod 4755 by-root && mknod null c 1 3 && ln -s by-root link
     chown -h 42:42 link && stat -c '%n %u:%g %a %F' *`,
  );
  expect(stdout.split('\n').filter(Boolean)).toEqual([
    'by-nobody 65534:65534 644 regular empty file',
    'by-root 1234:5678 4755 regular empty file',
    'link 42:42 777 symbolic link',
    'null 0:0 644 character special file',
  ]);
  for (const name of ['by-root', 'by-nobody', 'null']) {
    const stat = statSync(join(shared, 'owners', name));
    expect(stat.uid).toBe(process.getuid?.());
    expect(stat.mode & 0o7000).toBe(0);
    expect(stat.isFile()).toBe(true);
  }
});

it('a file above 4 GiB, holes and a name of 255 bytes behave', async () => {
  await succeed(
    'large',
    `truncate -s 5G big && printf end | dd of=big bs=1 seek=5000000000 conv=notrunc status=none
     test "$(dd if=big bs=1 skip=5000000000 count=3 status=none)" = end && test "$(du -k big | cut -f1)" -lt 1000
     name=$(printf 'n%.0s' $(seq 255)) && echo x > "$name" && test "$(cat "$name")" = x && rm "$name" big`,
  );
});

it('guest processes agree on locks, appends, exclusive creation and renames', async () => {
  await succeed(
    'locks',
    `for p in 1 2 3 4; do (for n in $(seq 12); do flock lock sh -c 'echo $(( $(cat counter 2>/dev/null || echo 0) + 1 )) > counter.new && mv counter.new counter'; done) & done; wait
     test "$(cat counter)" = 48
     for p in 1 2 3 4; do (for n in $(seq 40); do echo "$p $n" >> log; done) & done; wait
     test "$(wc -l < log)" = 160 && test "$(sort -u log | wc -l)" = 160
     (set -C; echo a > once) && ! (set -C; echo b > once) 2>/dev/null && test "$(cat once)" = a
     exec 3< once && rm once && test "$(cat <&3)" = a`,
  );
});

it('a shared mapping of an append-only descriptor is written in place', async () => {
  writeFileSync(
    join(shared, 'map.py'),
    [
      'import mmap, os',
      'fd = os.open("log", os.O_RDWR | os.O_CREAT | os.O_APPEND)',
      'os.write(fd, b"hello")',
      'mapped = mmap.mmap(fd, 5)',
      'mapped[0:1] = b"J"',
      'mapped.flush()',
      'os.write(fd, b"!")',
    ].join('\n'),
  );
  await succeed('mapped', 'python3 ../map.py && test "$(cat log)" = "Jello!"');
  expect(readFileSync(join(shared, 'mapped/log'), 'utf8')).toBe('Jello!');
});

it('a host edit that keeps size and time is seen by the next open', async () => {
  mkdirSync(join(shared, 'same'));
  const path = join(shared, 'same/file');
  writeFileSync(path, 'first\n');
  await succeed('same', 'sleep 0.1; cat file; test "$(cat file)" = first');
  const { atime, mtime } = statSync(path);
  utimesSync(path, atime, mtime);
  await succeed('same', 'sleep 1.1; cat file; test "$(cat file)" = first');
  writeFileSync(path, 'other\n');
  utimesSync(path, atime, mtime);
  await succeed('same', 'test "$(cat file)" = other');
});

it('a change on the host is seen by the guest, in data and names', async () => {
  mkdirSync(join(shared, 'edits'));
  writeFileSync(join(shared, 'edits/file'), 'first\n');
  await succeed('edits', 'test "$(cat file)" = first');
  writeFileSync(join(shared, 'edits/file'), 'second version\n');
  writeFileSync(join(shared, 'edits/new'), 'new\n');
  await succeed(
    'edits',
    'sleep 1.1; test "$(cat file)" = "second version" && test "$(cat new)" = new',
  );
});
