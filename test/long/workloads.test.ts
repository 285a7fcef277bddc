import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ExecResult, RealFSProvider, VM } from 'gondolin';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { installNpm } from '../fixtures/guest-npm.ts';
import { LONG_MACHINE } from '../fixtures/workload-image.ts';

let vm: VM;
let shared: string;

beforeAll(async () => {
  shared = mkdtempSync(join(tmpdir(), 'gondolin-workloads-'));
  vm = await VM.create({
    ...LONG_MACHINE,
    vfs: { mounts: { '/work': new RealFSProvider(shared) } },
  });
  await installNpm(vm);
});

afterAll(async () => {
  await vm.close();
  rmSync(shared, { recursive: true, force: true });
});

/** Runs a script that must succeed, in a fresh directory of the mount. */
async function succeed(name: string, script: string): Promise<ExecResult> {
  mkdirSync(join(shared, name), { recursive: true });
  const result = await vm.exec(`set -e; ${script}`, { cwd: `/work/${name}` });
  expect(result, `${result.stdout}\n${result.stderr}`).toMatchObject({ exitCode: 0 });
  return result;
}

const host = (command: string, ...args: string[]) =>
  execFileSync(command, args, { cwd: shared, encoding: 'utf8' });

it('an SQLite database written by 4 processes keeps its integrity', async () => {
  await succeed(
    'sqlite',
    `sqlite3 db "CREATE TABLE t(writer, n);"
     for w in 1 2 3 4; do (
       for n in $(seq 15); do echo ".timeout 60000
         INSERT INTO t VALUES($w, $n);"; done | sqlite3 db
     ) & done; wait
     test "$(sqlite3 db 'PRAGMA integrity_check; SELECT count(*) FROM t;' | tr '\\n' ' ')" = "ok 60 "`,
  );
  expect(host('sqlite3', 'sqlite/db', 'PRAGMA integrity_check; SELECT count(*) FROM t;')).toBe(
    'ok\n60\n',
  );
});

it('npm installs a package from a local tarball', async () => {
  await succeed(
    'npm',
    `mkdir -p dep app && cd dep
     echo '{"name":"dep","version":"1.2.3","bin":{"dep":"cli.js"},"main":"index.js"}' > package.json
     echo 'module.exports = 42;' > index.js
     printf '#!/usr/bin/env node\\nconsole.log("dep says", require("./index.js"))\\n' > cli.js
     npm pack --silent && cd ../app && echo '{"name":"app","version":"1.0.0"}' > package.json
     npm install --offline --no-audit --no-fund ../dep/dep-1.2.3.tgz
     test "$(npx --offline dep)" = "dep says 42"`,
  );
  expect(
    JSON.parse(readFileSync(join(shared, 'npm/app/node_modules/dep/package.json'), 'utf8')).version,
  ).toBe('1.2.3');
});

it("npm's own tar keeps files with neighbouring inode numbers apart", async () => {
  // Each file has a second link outside the package, so that npm looks for its number among those it has packed.
  await succeed(
    'inodes',
    `mkdir -p package/a kept && cd package && echo '{"name":"links","version":"1.0.0"}' > package.json
     for n in $(seq 80); do echo "$n" > a/f$n && ln a/f$n ../kept/f$n; done
     npm pack --silent && tar -xzf links-1.0.0.tgz && diff -r a package/a`,
  );
});

it('fio verifies 256 MiB of random writes', async () => {
  await succeed(
    'fio',
    `fio --name=v --filename=data --size=256m --bs=256k --rw=randwrite --ioengine=psync --end_fsync=1 \
       --verify=crc32c --do_verify=1 --verify_fatal=1 --minimal > /tmp/fio.log`,
  );
  expect(statSync(join(shared, 'fio/data')).size).toBe(256 * 2 ** 20);
});

it('git init, add, commit and fsck are clean on guest and host', async () => {
  await succeed(
    'git',
    `git init -q . && for i in $(seq 60); do mkdir -p d$((i % 7)); echo "file $i" > d$((i % 7))/f$i; done
     git add . && git -c user.name=a -c user.email=a@example.com commit -qm first
     git mv d1 moved && git -c user.name=a -c user.email=a@example.com commit -qm second
     git gc -q && git fsck --strict && git status --porcelain`,
  );
  host('git', '-c', 'safe.directory=*', '-C', 'git', 'fsck', '--strict');
  expect(host('git', '-c', 'safe.directory=*', '-C', 'git', 'log', '--format=%s')).toBe(
    'second\nfirst\n',
  );
});

it('tar x of 200 files equals the original on the host', async () => {
  const source = mkdtempSync(join(tmpdir(), 'gondolin-tree-'));
  try {
    for (let directory = 0; directory < 2; directory++) {
      mkdirSync(join(source, `d${directory}/ünter dir`), { recursive: true });
      for (let file = 0; file < 100; file++) {
        writeFileSync(
          join(source, `d${directory}/ünter dir/f ${file}`),
          `${directory} ${file}\n`.repeat(file),
          {
            mode: file % 2 === 0 ? 0o644 : 0o755,
          },
        );
      }
    }
    mkdirSync(join(shared, 'tar'));
    host('tar', '-C', source, '-cf', join(shared, 'tar/tree.tar'), '.');
    await succeed(
      'tar',
      'mkdir out && tar -C out -xf tree.tar && test "$(find out -type f | wc -l)" = 200',
    );
    host('diff', '-r', source, join(shared, 'tar/out'));
    const mode = statSync(join(shared, 'tar/out/d1/ünter dir/f 1')).mode & 0o777;
    expect(mode).toBe(0o755);
    await succeed('tar', 'rm -r out && test ! -e out');
    expect(readdirSync(join(shared, 'tar'))).toEqual(['tree.tar']);
  } finally {
    rmSync(source, { recursive: true, force: true });
  }
});

it('a directory of 20,000 entries can be listed and thinned out', async () => {
  mkdirSync(join(shared, 'many'));
  for (let entry = 0; entry < 20_000; entry++)
    writeFileSync(join(shared, `many/entry-${entry}`), '');
  await succeed(
    'many',
    'test "$(ls | wc -l)" = 20000 && rm entry-*55 && test "$(ls | wc -l)" = 19800 && test -e entry-19999',
  );
  expect(readdirSync(join(shared, 'many')).length).toBe(19_800);
});
