import { createHash, randomBytes } from 'node:crypto';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { MemoryProvider, OverlayProvider, RealFSProvider, VM, type VMOptions } from 'gondolin';
import { expect, it, onTestFinished } from 'vitest';
import { temporaryDirectory } from '../fixtures/temporary-directory.ts';

async function start(options: VMOptions): Promise<VM> {
  const vm = await VM.create({ ...options, sandbox: { rootOverlay: true } });
  onTestFinished(() => vm.close());
  return vm;
}

/** Digest of a large file, and whether a read of it came by the disk for replies. */
const LARGE = `sha256sum < /work/service/large
for d in /sys/block/vd*; do test "$(cat $d/serial)" != replies || awk '{print ($1 > 0)}' $d/stat; done`;

function makeLarge(path: string): string {
  const content = randomBytes(3_000_001);
  writeFileSync(path, content);
  return `${createHash('sha256').update(content).digest('hex')}  -\n1\n`;
}

const XATTRS = { extendedAttributes: true };

/** Fresh providers of the same mounts: a saved machine's own ended with it. */
function mounts(project: string, lower = project, changes = new MemoryProvider(XATTRS)) {
  const layers = new OverlayProvider(changes, new RealFSProvider(lower));
  const [host, memory] = [new RealFSProvider(project, XATTRS), new MemoryProvider(XATTRS)];
  return { vfs: { mounts: { '/work': host, '/memory': memory, '/layers': layers } } };
}

const WITH_NOTES = '/work/service/input /memory/note /layers/keep';
/** The system calls setxattr and getxattr of x86-64: the image has no program for them. */
const SET_NOTES = `perl -e 'for my $f (@ARGV) { my ($n, $v) = ("user.note", "of the guest");
  syscall(188, $f, $n, $v, length $v, 0) == 0 or print "$f: $!\n" }' ${WITH_NOTES}`;
const READ_NOTES = `perl -e 'for my $f (@ARGV) { my ($n, $v) = ("user.note", chr(0) x 64);
  my $l = syscall(191, $f, $n, $v, 64); print $l < 0 ? "$f: $!\n" : substr($v, 0, $l) . "\n" }' ${WITH_NOTES}`;
/** Lists as setxattr(2) has them: user 1000 may read `secret`, and what is made in `shared`. */
const SET_ACLS = `umask 077; cd /work; chmod 755 .; mkdir shared; echo for-1000 > secret
perl -e 'my $v = pack "V (vvV)5", 2, 1, 6, -1, 2, 4, 1000, 4, 0, -1, 16, 7, -1, 32, 0, -1;
  my %list = ("secret", "system.posix_acl_access", "shared", "system.posix_acl_default");
  while (my ($f, $n) = each %list) { $f .= ""; $n .= "";
    syscall(188, $f, $n, $v, length $v, 0) == 0 or print "$f: $!\n" }' 2>&1
chmod 711 shared; echo too > shared/made; mkdir shared/deep; echo three > shared/deep/er; stat -c %a secret shared/made`;
const AS_USERS = `cd /work; for u in 1000 1001; do
setpriv --reuid $u --clear-groups cat secret shared/made 2>&1 | sed s/.*://; done`;
const SEEN_BY_USERS = 'for-1000\ntoo\n Permission denied\n Permission denied\n';
/** A capability and set-id bits, which a write and a new owner take away; what the kernel takes for no list. */
const LOSE_RIGHTS = `set -e
cd /memory; touch tool; chmod 777 .
perl -e 'my ($f, $n, $v) = ("tool", "security.capability", pack "V5", 0x2000001, 1 << 10, 0, 0, 0);
  print syscall(188, $f, $n, $v, 20, 0), " "; open my $o, ">>", $f; syswrite $o, "x";
  print syscall(191, $f, $n, $v, 20), " $!\n"; $n = "system.posix_acl_access";
  print syscall(188, $f, $n, $v, 20, 0), " $!\n"'
chmod 6777 tool; setpriv --reuid 1000 --clear-groups sh -c 'echo x >> tool'; stat -c %a tool
chmod 4755 tool; echo x >> tool; stat -c %a tool; chown 1:1 tool; stat -c %a tool; rm tool`;

async function output(vm: VM, command: string): Promise<string> {
  const { stdout, stderr, exitCode } = await vm.exec(command);
  return exitCode === 0 ? stdout : `${stdout}${stderr}exit ${exitCode}`;
}

/**
 * Waits in the mount with a working directory and open files; does one command of its FIFO at a time and tells how it
 * went. The FIFO is in the guest's own memory.
 */
const SERVICE = `
set -e
mkfifo /tmp/ask /tmp/answer
cd /work/service
exec 5>> log 6< input 7<> doomed 8< /memory/note
flock 5
read -r first <&6
( while read -r command < /tmp/ask; do { eval "$command" 2>&1 || echo "exit $?"; } > /tmp/answer; done ) &
`;

/** Makes a directory, whose names the agent knows, and waits in the background until somebody else makes one. */
const AWAIT_NAME = `
mkdir /work/made
( while ! test -e /work/made/name; do sleep 0.01; done; touch /work/made/seen ) > /dev/null 2>&1 &
`;

/** Changes an overlay of `old/deep/file`, `keep` and `gone` as programs do. */
const CHANGE_LAYERS = `
set -e
cd /layers
exec 9< keep
rm gone
mv old new
echo changed >> keep
cp -a new copy
tar -c copy | tar -x --transform s/copy/again/
rm -rf copy
mkdir gone && touch gone/now-a-directory
ln keep link && chmod 640 link
cat <&9
`;

/** What that leaves: the same in the guest before a save and after it. */
const LOOK_AT_LAYERS =
  'cd /layers; find . -type f -printf "%p %m %n\\n" | sort; cat again/deep/file link';
const LAYERS = `./again/deep/file 644 1
./gone/now-a-directory 644 1
./keep 640 2
./link 640 2
./new/deep/file 644 1
deep
kept
changed
`;

function makeLower(): string {
  const lower = temporaryDirectory();
  mkdirSync(join(lower, 'old/deep'), { recursive: true });
  writeFileSync(join(lower, 'old/deep/file'), 'deep\n');
  writeFileSync(join(lower, 'keep'), 'kept\n');
  writeFileSync(join(lower, 'gone'), '');
  return lower;
}

const ask = (vm: VM, command: string) =>
  output(vm, `cat > /tmp/ask <<'E'\n${command}\nE\ncat /tmp/answer`);

it('a restored VM sees the present files of the host in its mounts, with its files and directories still open', async () => {
  const project = temporaryDirectory();
  const saved = join(temporaryDirectory(), 'saved');
  for (const directory of [join(project, 'service'), saved]) mkdirSync(directory);
  const file = (name: string) => join(project, 'service', name);
  writeFileSync(file('input'), 'first\nsecond\n');
  writeFileSync(file('doomed'), 'doomed\n');
  writeFileSync(file('cached'), 'old\n');
  writeFileSync(file('replaced'), 'old\n');
  symlinkSync('cached', file('current'));
  const lower = makeLower();
  const changes = new MemoryProvider(XATTRS);
  const vm = await start(mounts(project, lower, changes));
  expect(await output(vm, CHANGE_LAYERS)).toBe('kept\nchanged\n');
  expect(await output(vm, LOOK_AT_LAYERS)).toBe(LAYERS);
  expect(changes.readFile('keep').toString()).toBe('kept\nchanged\n');
  expect(await output(vm, LOSE_RIGHTS)).toBe(
    '0 -1 No data available\n-1 Operation not supported\n777\n4755\n755\n',
  );
  await vm.exec('echo remembered > /memory/note; ln -s x /work/link; chown -h 7 /work/link');
  expect(await output(vm, SET_NOTES)).toBe('');
  expect(await output(vm, SET_ACLS)).toBe('670\n660\n');
  expect(await output(vm, AS_USERS)).toBe(SEEN_BY_USERS);
  // The host's group gets nothing of the mask.
  expect(statSync(join(project, 'secret')).mode & 0o777).toBe(0o600);
  expect(await output(vm, `${SERVICE} exec 1>&- 2>&-`)).toBe('');
  // In the guest's cache when it is saved.
  await vm.exec('cd /work/service; cat cached replaced doomed current; ls -l . ..');
  const large = makeLarge(file('large'));
  expect(await output(vm, LARGE)).toBe(large);
  expect(await output(vm, AWAIT_NAME)).toBe('');
  await vm.save(saved);
  expect(await ask(vm, 'echo of the first >&5; echo told')).toBe('told\n');
  await vm.close();

  appendFileSync(file('cached'), 'and new\n');
  writeFileSync(file('other'), 'new content\n');
  renameSync(file('other'), file('replaced'));
  rmSync(file('doomed'));
  rmSync(file('current'));
  symlinkSync('replaced', file('current'));
  renameSync(file('log'), file('renamed-log'));
  writeFileSync(join(project, 'made/name'), '');
  const copy = await start({ ...mounts(project, lower), from: saved });
  await expect.poll(() => readdirSync(join(project, 'made')).toSorted()).toEqual(['name', 'seen']);
  expect(await output(copy, LOOK_AT_LAYERS)).toBe(LAYERS);
  expect(await output(copy, READ_NOTES)).toBe('of the guest\n'.repeat(3));
  expect(await output(copy, AS_USERS)).toBe(SEEN_BY_USERS);
  expect(await output(copy, 'cd /layers && rm -rf new && ls')).toBe('again\ngone\nkeep\nlink\n');
  expect(readdirSync(lower, { recursive: true }).toSorted()).toEqual([
    'gone',
    'keep',
    'old',
    'old/deep',
    'old/deep/file',
  ]);
  expect(readFileSync(join(lower, 'keep'), 'utf8')).toBe('kept\n');
  const changed = makeLarge(file('large'));
  expect(await output(copy, LARGE)).toBe(changed);
  rmSync(file('large'));
  expect(await output(copy, 'cd /work/service && cat current cached replaced && ls')).toBe(
    'new content\nold\nand new\nnew content\ncached\ncurrent\ninput\nrenamed-log\nreplaced\n',
  );
  expect(await ask(copy, 'pwd -P; read -r line <&6; echo $line; cat <&8')).toBe(
    '/work/service\nsecond\nremembered\n',
  );
  expect(await ask(copy, 'echo of the copy >&5; touch made-here; cat <&7')).toMatch(
    /Stale file handle/,
  );
  expect(readFileSync(file('renamed-log'), 'utf8')).toBe('of the first\nof the copy\n');
  expect(readFileSync(file('made-here'), 'utf8')).toBe('');
  expect(await output(copy, 'flock -n /work/service/renamed-log true')).toMatch(/exit 1$/);
  expect(await output(copy, 'stat -c %u /work/link')).toBe('7\n');

  renameSync(join(project, 'service'), join(project, 'moved'));
  const other = await start({ ...mounts(project, lower), from: saved });
  expect(await ask(other, 'echo of another >&5; ls')).toContain('renamed-log');
  expect(readFileSync(join(project, 'moved/renamed-log'), 'utf8')).toContain('of another\n');
});

it('VM.create() refuses to restore with other mounts than were saved', async () => {
  const project = temporaryDirectory();
  const saved = join(temporaryDirectory(), 'saved');
  mkdirSync(saved);
  const vm = await start(mounts(project));
  await vm.save(saved);
  const fewer = { vfs: { mounts: { '/work': new RealFSProvider(project) } } };
  await expect(
    VM.create({ ...fewer, from: saved, sandbox: { rootOverlay: true } }),
  ).rejects.toMatchObject({
    code: 'SNAPSHOT_REFUSED',
  });
});
