import { readdirSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { VM } from 'gondolin';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { IS_FULL_LOAD } from '../fixtures/full-load.ts';

let vm: VM;

beforeAll(async () => {
  vm = await VM.create({
    cpus: 2,
    env: { GREETING: 'hello' },
    hostname: 'exec-test',
    sandbox: { rootOverlay: true },
  });
});

afterAll(() => vm.close());

it('exec() runs a string through a login shell', async () => {
  expect(await vm.exec('echo "$GREETING"; echo oops >&2; exit 3')).toEqual({
    exitCode: 3,
    signal: null,
    isOutOfMemory: false,
    stdout: 'hello\n',
    stderr: 'oops\n',
    durationMs: expect.any(Number),
  });
});

it('exec() runs an array without a shell and searches PATH', async () => {
  expect((await vm.exec(['printf', '%s|', '$GREETING', 'a b', '*'])).stdout).toBe(
    '$GREETING|a b|*|',
  );
  expect((await vm.exec(['/bin/echo', 'x'])).stdout).toBe('x\n');
});

it('exec() gives every exit code back', async () => {
  const codes = [0, 1, 2, 77, 126, 127, 128, 200, 255];
  const results = await Promise.all(
    codes.map((code) => vm.exec(['/bin/sh', '-c', `exit ${code}`])),
  );
  expect(results.map((result) => result.exitCode)).toEqual(codes);
});

it('exec() reports death by a signal as 128 + n with its name', async () => {
  expect(await vm.exec('kill -TERM $$')).toMatchObject({ exitCode: 143, signal: 'SIGTERM' });
});

it('exec() adds env and takes cwd and user', async () => {
  const result = await vm.exec('id -u; id -g; pwd; echo $EXTRA $GREETING $HOME', {
    env: { EXTRA: 'more' },
    cwd: '/usr',
    user: '65534:65534',
  });
  expect(result.stdout).toBe('65534\n65534\n/usr\nmore hello /nonexistent\n');
});

it('exec() rejects with the reason when the program, its directory or its user is not there', async () => {
  await expect(vm.exec(['no-such-program'])).rejects.toMatchObject({
    code: 'AGENT_EXEC_NOT_FOUND',
    exit: 127,
  });
  await expect(vm.exec(['/etc/passwd'])).rejects.toMatchObject({
    code: 'AGENT_EXEC_NOT_EXECUTABLE',
    exit: 126,
  });
  await expect(vm.exec('true', { cwd: '/nowhere' })).rejects.toMatchObject({
    code: 'AGENT_EXEC_BAD_CWD',
  });
  await expect(vm.exec('true', { user: 'nobody-here' })).rejects.toMatchObject({
    code: 'AGENT_EXEC_BAD_USER',
  });
});

it('exec() streams both ways', async () => {
  const proc = vm.exec(['cat'], { stdin: true, stdout: 'pipe' });
  proc.write('one\n');
  let text = '';
  for await (const chunk of proc) {
    text += chunk;
    if (text === 'one\n') {
      proc.write('zwei ü\n');
      proc.end();
    }
  }
  expect(text).toBe('one\nzwei ü\n');
  expect((await proc).exitCode).toBe(0);
});

const MIB = IS_FULL_LOAD ? 64 : 16;

it(`exec() carries ${MIB} MiB each way unchanged`, async () => {
  const data = Buffer.alloc(MIB * 2 ** 20, 'gondolin! ');
  const proc = vm.exec(['/bin/sh', '-c', `md5sum | cut -c1-32; head -c ${MIB}M /dev/zero`], {
    stdin: data,
    stdout: 'pipe',
  });
  let bytes = 0;
  let head = '';
  for await (const chunk of proc.stdout ?? []) {
    if (head.length < 32) head += String(chunk).slice(0, 33);
    bytes += (chunk as Buffer).length;
  }
  const { createHash } = await import('node:crypto');
  expect(head.slice(0, 32)).toBe(createHash('md5').update(data).digest('hex'));
  expect(bytes).toBe(MIB * 2 ** 20 + 33);
});

it('exec() blocks a writer whose reader is slow instead of buffering', async () => {
  const proc = vm.exec('yes | head -c 8000000 & sleep 0.3; echo still-alive >&2; wait', {
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const first = await new Promise<string>((resolve) =>
    proc.stderr?.once('data', (data) => resolve(String(data))),
  );
  expect(first).toBe('still-alive\n');
  let bytes = 0;
  for await (const chunk of proc.stdout ?? []) bytes += (chunk as Buffer).length;
  expect(bytes).toBe(8_000_000);
});

it('a process whose output the host gives up gets SIGPIPE, or EPIPE where it ignores that', async () => {
  const writer = vm.exec('exec yes', { stdout: 'pipe' });
  writer.stdout?.once('data', () => writer.stdout?.destroy());
  expect(await writer).toMatchObject({ exitCode: 141, signal: 'SIGPIPE' });
  const script = "trap '' PIPE; yes; echo status=$? >&2";
  const stubborn = vm.exec(script, { stdout: 'pipe' });
  stubborn.stdout?.once('data', () => stubborn.stdout?.destroy());
  expect((await stubborn).stderr).toMatch(/Broken pipe\nstatus=1\n$/);
});

it('exec() kills the whole tree after timeoutMs, daemons too', async () => {
  const script = 'setsid sleep 1001 & (setsid sleep 1002 >/dev/null 2>&1 &) ; sleep 1003';
  await expect(vm.exec(script, { timeoutMs: 700 })).rejects.toMatchObject({
    code: 'VM_EXEC_TIMEOUT',
    exit: 124,
  });
  expect((await vm.exec("ps -eo args | grep -c '[s]leep 100' || true")).stdout.trim()).toBe('0');
});

it('exec() rejects with VM_EXEC_ABORTED when its signal fires', async () => {
  const controller = new AbortController();
  const proc = vm.exec('echo ready; sleep 1000', { stdout: 'pipe', signal: controller.signal });
  proc.stdout?.once('data', () => controller.abort());
  await expect(proc).rejects.toMatchObject({ code: 'VM_EXEC_ABORTED' });
});

it('exec() rejects with VM_OUTPUT_TOO_LARGE when collected output passes its limit', async () => {
  await expect(vm.exec('yes', { maxOutputBytes: 100_000 })).rejects.toMatchObject({
    code: 'VM_OUTPUT_TOO_LARGE',
  });
});

it('exec() finishes when a background process keeps the output open, and that process lives on', async () => {
  const result = await vm.exec('(while sleep 0.1; do echo tick; done) & echo started');
  expect(result.stdout).toContain('started\n');
  const alive = await vm.exec("ps -eo args | grep -c '[d]o echo tick'; pkill -f 'do echo tick'");
  expect(Number(alive.stdout.trim())).toBeGreaterThan(0);
});

const MANY = IS_FULL_LOAD ? 1_000 : 32;

it(`exec() runs ${MANY} commands, 32 at a time, and nothing of them is left on either side`, async () => {
  const text = (index: number) => `${index} ${'x'.repeat(index % 5_000)}`;
  // Threads of the kernel have no program. Listed before the shell starts one of its own.
  const count =
    'n=0; for exe in /proc/[0-9]*/exe; do if readlink $exe > /dev/null; then n=$((n + 1)); fi; done; echo $n';
  const processes = async () => Number((await vm.exec(count)).stdout);
  const before = await processes();
  const descriptors = readdirSync('/proc/self/fd').length;
  const memory = process.memoryUsage().rss;
  let next = 0;
  const wrong: number[] = [];
  const work = async () => {
    for (let index = next++; index < MANY; index = next++) {
      const { stdout, exitCode } = await vm.exec(
        ['sh', '-c', 'cat; exit "$1"', 'sh', `${index % 256}`],
        {
          stdin: text(index),
        },
      );
      if (stdout !== text(index) || exitCode !== index % 256) wrong.push(index);
    }
  };
  await Promise.all(Array.from({ length: 32 }, work));
  expect(wrong).toEqual([]);
  // Fewer where a process of an earlier test was just ending.
  expect(await processes()).toBeLessThanOrEqual(before);
  expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(descriptors + 2);
  expect(process.memoryUsage().rss - memory).toBeLessThan(200 * 2 ** 20);
}, 180_000);

const AT_ONCE = IS_FULL_LOAD ? 320 : 96;

it(`exec() runs ${AT_ONCE} commands at once`, async () => {
  const results = await Promise.all(
    Array.from({ length: AT_ONCE }, (_, index) => vm.exec(['echo', String(index)])),
  );
  expect(results.map((result) => Number(result.stdout))).toEqual(
    Array.from({ length: AT_ONCE }, (_, index) => index),
  );
});

it('kill() sends a signal the command can catch', async () => {
  const proc = vm.exec(
    'trap "echo caught; exit 9" TERM; echo ready; while :; do sleep 0.05; done',
    { stdout: 'pipe' },
  );
  let text = '';
  for await (const chunk of proc) {
    text += chunk;
    if (text === 'ready\n') await proc.kill('SIGTERM');
  }
  expect(text).toBe('ready\ncaught\n');
  expect((await proc).exitCode).toBe(9);
});

it('the guest has the host clock, its own name, random numbers and no network card', async () => {
  const { stdout } = await vm.exec(
    'date +%s%3N; hostname; ls /sys/class/net; cat /proc/sys/kernel/random/entropy_avail',
  );
  const [time, hostname, devices, entropy] = stdout.trim().split('\n');
  expect(Math.abs(Number(time) - Date.now())).toBeLessThan(2000);
  expect(hostname).toBe('exec-test');
  expect(devices).toBe('lo');
  expect(Number(entropy)).toBeGreaterThanOrEqual(256);
});

it('the root is writable with rootOverlay', async () => {
  expect((await vm.exec('echo x > /etc/new-file && cat /etc/new-file')).stdout).toBe('x\n');
});

it('exec() takes an async iterable as stdin and gives lines and JSON', async () => {
  const numbers = (async function* () {
    for (let index = 0; index < 2_000; index++) yield `${index}\n`;
  })();
  const process = vm.exec(['cat'], { stdin: numbers, stdout: 'pipe' });
  let expected = 0;
  for await (const line of process.lines()) expect(Number(line)).toBe(expected++);
  expect(expected).toBe(2_000);
  expect(await process).toMatchObject({ ok: true, stdout: '' });
  expect((await vm.exec(['echo', '{"a": 1}'])).json()).toEqual({ a: 1 });
});

it('exec() writes into a Writable of the caller, and ignores what is to be ignored', async () => {
  const sink = new PassThrough();
  const written = buffer(sink);
  const command = 'head -c 3000000 /dev/zero; echo lost >&2';
  const result = await vm.exec(command, { stdout: sink, stderr: 'ignore' });
  sink.end();
  expect(result).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
  expect((await written).equals(Buffer.alloc(3_000_000))).toBe(true);
});
