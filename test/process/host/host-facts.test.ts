import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { ensureDirectory, resolveDirectories } from '../../../src/host/directories.ts';
import { gatherHostFacts } from '../../../src/host/host-facts.ts';
import { fakeProgram } from '../../fixtures/fake-program.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

/** Facts of a machine whose files are these, with these programs and nothing else in PATH. */
async function factsOf(files: Record<string, string>, programs: Record<string, string> = {}) {
  const root = temporaryDirectory();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  const bin = temporaryDirectory();
  for (const [name, script] of Object.entries(programs)) fakeProgram(bin, name, script);
  const directories = resolveDirectories({ XDG_CACHE_HOME: join(root, 'cache') });
  return gatherHostFacts({ directories, root, env: { PATH: bin, GONDOLIN_ACCEL: 'tcg' } });
}

it('gatherHostFacts() reports an empty machine without failing', async () => {
  const facts = await factsOf({});
  expect(facts).toMatchObject({
    qemuVersion: null,
    accelerator: null,
    aptSources: [],
    hasDebianKeyring: false,
    userNamespaceProblem: null,
    cache: { problem: null },
  });
  // Programs of administrators are found on any machine.
  const inPath = Object.values(facts.tools).filter(
    (path) => !/^(?:\/usr)?\/sbin\//.test(path ?? ''),
  );
  expect(inPath.every((path) => path === null)).toBe(true);
  expect(facts.cache.freeBytes).toBeGreaterThan(0);
});

it('gatherHostFacts() reads what a Debian machine has', async () => {
  const { username, uid } = userInfo();
  const facts = await factsOf(
    {
      'etc/apt/sources.list': '# moved\n',
      'etc/apt/sources.list.d/b.sources': 'Types: deb\nURIs: https://deb.example.com/debian\n',
      'etc/apt/sources.list.d/a.list': 'deb https://deb.example.com/debian bookworm main\n',
      'etc/apt/sources.list.d/a.list.save': 'deb https://deb.example.com/debian old main\n',
      'usr/share/keyrings/debian-archive-keyring.gpg': 'key',
      'etc/subuid': `other:1:1\n${username}:100000:65536\n`,
      'etc/subgid': `${uid}:100000:65536\n`,
    },
    { 'qemu-system-x86_64': 'echo "QEMU emulator version 9.9"' },
  );
  expect(facts.aptSources.map((path) => path.split('/').at(-1))).toEqual(['a.list', 'b.sources']);
  expect(facts).toMatchObject({
    qemuVersion: 'QEMU emulator version 9.9',
    accelerator: { accelerator: 'tcg', source: 'override' },
    hasDebianKeyring: true,
    subordinateIdsFix: null,
  });
});

it('gatherHostFacts() needs both subuid and subgid, and offers ids that nobody has', async () => {
  const { username } = userInfo();
  const facts = await factsOf({
    'etc/subuid': `${username}:100000:65536\n`,
    'etc/subgid': `${username}:100000:2\nother:200000:65536\n`,
  });
  const range = '265536-331071';
  expect(facts.subordinateIdsFix).toBe(
    `usermod --add-subuids ${range} --add-subgids ${range} ${username}`,
  );
});

it.each([
  ['user/max_user_namespaces', '0', 'user.max_user_namespaces=0'],
  ['kernel/unprivileged_userns_clone', '0', 'kernel.unprivileged_userns_clone=0'],
  [
    'kernel/apparmor_restrict_unprivileged_userns',
    '1',
    'kernel.apparmor_restrict_unprivileged_userns=1',
  ],
  ['kernel/unprivileged_userns_clone', '1', null],
])('gatherHostFacts() reads /proc/sys/%s = %s', async (file, value, want) => {
  const facts = await factsOf({ [`proc/sys/${file}`]: `${value}\n` });
  expect(facts.userNamespaceProblem).toBe(want);
});

it('gatherHostFacts() reports a QEMU that does not run', async () => {
  const facts = await factsOf({}, { 'qemu-system-x86_64': 'exit 1' });
  expect(facts.tools['qemu-system-x86_64']).not.toBeNull();
  expect(facts.qemuVersion).toBeNull();
});

it('gatherHostFacts() says why the cache cannot be used', async () => {
  const facts = await factsOf({ cache: 'a file' });
  expect(facts.cache.problem).toMatch(/ENOTDIR|EEXIST/);
});

it('ensureDirectory() refuses a directory that others may write in, and takes a link of its own', async () => {
  const directory = temporaryDirectory();
  const target = join(directory, 'target');
  mkdirSync(target, { mode: 0o755 });
  symlinkSync(target, join(directory, 'link'));
  await ensureDirectory(target);
  await ensureDirectory(join(directory, 'link'));
  for (const mode of [0o775, 0o707, 0o1777]) {
    chmodSync(target, mode);
    for (const name of ['target', 'link']) {
      await expect(ensureDirectory(join(directory, name))).rejects.toMatchObject({
        code: 'HOST_DIRECTORY_UNUSABLE',
        hint: expect.stringContaining('chmod go-w') as string,
      });
    }
  }
});

it.runIf(process.getuid?.() === 0)(
  'ensureDirectory() refuses what belongs to another user: a directory, a link, where a link leads',
  async () => {
    const directory = temporaryDirectory();
    const [own, foreign, link] = ['own', 'foreign', 'link'].map((name) => join(directory, name));
    if (own === undefined || foreign === undefined || link === undefined) throw new Error();
    for (const path of [own, foreign]) mkdirSync(path);
    symlinkSync(own, link);
    symlinkSync(foreign, join(directory, 'leading'));
    chownSync(foreign, 12345, 12345);
    lchownSync(link, 12345, 12345);
    await ensureDirectory(own);
    for (const path of [foreign, link, join(directory, 'leading')]) {
      await expect(ensureDirectory(path), path).rejects.toMatchObject({
        code: 'HOST_DIRECTORY_UNUSABLE',
        message: expect.stringContaining('uid 12345') as string,
      });
    }
  },
);

it('ensureDirectory() makes private directories and names the one it cannot make', async () => {
  const directory = temporaryDirectory();
  await ensureDirectory(join(directory, 'a/b'));
  await ensureDirectory(join(directory, 'a/b'));
  expect(statSync(join(directory, 'a')).mode & 0o777).toBe(0o700);
  writeFileSync(join(directory, 'file'), '');
  await expect(ensureDirectory(join(directory, 'file/x'))).rejects.toMatchObject({
    code: 'HOST_DIRECTORY_UNUSABLE',
    message: `Cannot create the directory "${directory}/file/x"`,
  });
});
