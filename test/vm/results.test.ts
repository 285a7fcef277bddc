/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: the project file's own syntax */

import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { readAttribute } from '../../src/host/libc.ts';
import { directoryWith, runBuiltCli } from '../fixtures/cli/run-cli.ts';

/** The name is part of the checkpoints' keys: no other project shares them. */
const project = (outside: string) => `
name: p${basename(outside)
  .slice(-6)
  .toLowerCase()
  .replaceAll(/[^a-z0-9]/g, 'x')}
sandboxes:
  lib:
    user: "1000:1000"
    artifacts: ["out/**", /tmp/log, "nothing*"]
    reports: { junit: ["/tmp/*.xml", /etc/passwd] }
    volumes: [{ type: overlay, source: ./over, target: /over, xattrs: true }]
    steps:
      - name: build
        checkpoint: true
        run: |
          { echo version=1.2; printf 'notes<<END\\na b\\nc\\nEND\\n'; } >> "$GONDOLIN_OUTPUT"
      - name: files
        run: |
          mkdir -p out/deep; echo one > out/deep/one; echo log > /tmp/log
          echo '<testsuite name="s"><testcase name="adds"/><testcase name="odd"><failure message="1 is 2"/></testcase></testsuite>' > /tmp/t.xml
          echo guest > /over/a; rm /over/gone; mkdir /over/new; echo new > /over/new/b; chmod 700 /over/new/b; ln /over/a /over/new/twin
          # setxattr(2) of x86-64: the image has no program for it.
          perl -e '($f, $n, $v) = ("/over/a", "user.note", "guest"); syscall(188, $f, $n, $v, 5, 0) and die $!'
          ln -s /etc/passwd out/link; mkfifo out/fifo; echo odd > "out/odd
          name"
      - { name: check, run: 'echo got \${steps.build.outputs.version}; exit 3', continue_on_error: true }
  app:
    depends_on: [lib]
    env: { V: "v\${steps.build.outputs.version}" }
    volumes: [.:/workspace]
    artifacts: [own]
    reports: { junit: old.xml }
    steps:
      - { name: use, run: 'echo "$V $N" | tr "\\n" ,', env: { N: "\${steps.build.outputs.notes}" } }
      - { name: pipe, run: 'mkfifo "$GONDOLIN_OUTPUT"', continue_on_error: true }
      - { name: endless, run: 'ln -s /dev/zero "$GONDOLIN_OUTPUT"', continue_on_error: true }
      - { name: evil, run: 'echo "x=$(id)" >> "$GONDOLIN_OUTPUT"' }
      - { name: none, run: 'echo \${steps.pipe.outputs.x:-none} \${steps.endless.outputs.x:-none}' }
      - { name: code, run: 'echo \${steps.evil.outputs.x}', continue_on_error: true }
      - { name: trap, run: 'echo own > own; ln -s ${outside} gondolin-artifacts/app' }
`;

it('steps pass values on, and artifacts come out of the guest, whatever it makes of them', async () => {
  const outside = directoryWith();
  const own = directoryWith(project(outside));
  writeFileSync(join(own, 'old.xml'), '<testsuite><testcase name="old"/></testsuite>');
  utimesSync(join(own, 'old.xml'), 1_000_000_000, 1_000_000_000);
  mkdirSync(join(own, 'over'));
  writeFileSync(join(own, 'over/a'), 'host\n');
  writeFileSync(join(own, 'over/gone'), 'host\n');
  const reports = ['--junit', 'r.xml', '--report', 'r.html', '--record', 'r.json'];
  const first = await runBuiltCli(['run', ...reports], { cwd: own });
  for (const line of [
    '[lib check] got 1.2',
    '[app use] v1.2 a b,c,',
    '[app none] none none',
    '=> app pipe: exit 125 after',
    '=> app endless: exit 125 after',
    '=> lib: warning: artifacts: nothing matches nothing*',
    '=> lib: 2 tests: 1 failed',
    '=> app: warning: reports: what matches old.xml is older than this run',
    '=> lib: 3 artifacts (12 B) in ',
  ]) {
    expect(first.all).toContain(line);
  }
  expect(first.all).toContain('PROJECT_OUTPUT_UNSAFE');
  expect(first.all).not.toContain('uid=');
  // The guest led the way to its artifacts out of the project: nothing was written there.
  expect(first.all).toContain('PROJECT_ARTIFACTS_FAILED');
  expect(first.code).toBe(125);
  expect(readdirSync(outside)).toEqual([]);
  const junit = readFileSync(join(own, 'r.xml'), 'utf8');
  expect(junit).toContain('<testsuite name="lib: s" tests="2" failures="1"');
  expect(junit).not.toContain('name="old"');
  expect(readFileSync(join(own, 'r.html'), 'utf8')).toContain('1 is 2');
  const { run } = JSON.parse(readFileSync(join(own, 'r.json'), 'utf8'));
  const [lib, app] = run.sandboxes;
  // What its overlay kept from the host is not the host's.
  expect(lib.writtenFiles).toEqual({ files: [], omitted: 0 });
  expect(app.writtenFiles.files).toContainEqual({ path: 'own', change: 'written' });
  const { usage } = run.sandboxes.find(({ name }: { name: string }) => name === 'app');
  // A guest with 512 MiB has used some of it, and the processor, more at the end than at first.
  expect(usage.peakMemoryBytes).toBeGreaterThan(50 * 2 ** 20);
  expect(usage.samples.at(-1).cpuMs).toBeGreaterThan(usage.samples[0].cpuMs);

  // What it changed in its overlay outlives it.
  expect(readdirSync(join(own, 'over')).toSorted()).toEqual(['a', 'gone']);
  const listed = await runBuiltCli(['diff', 'lib'], { cwd: own });
  expect(listed.stdout).toBe('M a\nD gone\nA new/\nA new/b\nA new/twin\n');
  const patch = await runBuiltCli(['diff', 'lib', '/over', '--patch'], { cwd: own });
  expect(patch.stdout).toContain('--- a/a\n+++ b/a\n@@ -1,1 +1,1 @@\n-host\n+guest\n');
  expect((await runBuiltCli(['apply'], { cwd: own })).code).toBe(0);
  expect(readdirSync(join(own, 'over')).toSorted()).toEqual(['a', 'new']);
  expect(readFileSync(join(own, 'over/a'), 'utf8')).toBe('guest\n');
  const twin = openSync(join(own, 'over/new/twin'), 'r');
  expect(readAttribute(twin, 'user.note').toString()).toBe('guest');
  closeSync(twin);
  expect(statSync(join(own, 'over/new/twin')).ino).toBe(statSync(join(own, 'over/a')).ino);
  expect(statSync(join(own, 'over/new/b')).mode & 0o777).toBe(0o700);
  writeFileSync(join(own, 'over/gone'), 'again\n');

  const copied = join(own, 'gondolin-artifacts/lib');
  expect(readFileSync(join(copied, 'out/deep/one'), 'utf8')).toBe('one\n');
  expect(readFileSync(join(copied, 'tmp/log'), 'utf8')).toBe('log\n');
  expect(readdirSync(join(copied, 'out')).toSorted()).toEqual(['deep', 'odd\nname']);

  const second = await runBuiltCli(['run', 'lib', '--artifacts', 'elsewhere'], { cwd: own });
  expect(second.all).toContain('=> lib build: cached');
  expect(second.all).toContain('[lib check] got 1.2');
  expect(second.code).toBe(0);
  expect(existsSync(join(own, 'elsewhere/lib/out/deep/one'))).toBe(true);
}, 240_000);
