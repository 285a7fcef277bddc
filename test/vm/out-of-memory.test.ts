import { afterAll, beforeAll, expect, it } from 'vitest';
import { GondolinError, VM } from '../../src/index.ts';

/** Takes memory without end, 4 MiB at a time. */
const EAT = ['perl', '-e', 'push @held, "x" x 4194304 while 1'];
const EAT_LINE = `perl -e '${EAT[2]}'`;
/** The limit of each command: far above what a kill takes, far below the minutes of a guest that thrashes. */
const LIMIT = { timeoutMs: 60_000 };

let vm: VM;

beforeAll(async () => {
  vm = await VM.create({ memory: '128MiB', sandbox: { rootOverlay: true } });
  // A daemon of an earlier command.
  await vm.exec('(while sleep 0.2; do :; done) > /dev/null 2>&1 & echo $! > /run/daemon');
});

afterAll(() => vm.close());

it('a command that takes all memory is killed, and the result says why', async () => {
  const result = await vm.exec(EAT, LIMIT);
  expect(result).toMatchObject({ exitCode: 137, signal: 'SIGKILL', isOutOfMemory: true });
  const next = await vm.exec('kill -0 $(cat /run/daemon) && echo daemon lives', LIMIT);
  expect(next).toMatchObject({ exitCode: 0, isOutOfMemory: false, stdout: 'daemon lives\n' });
});

it('the biggest process of a command is killed; its shell goes on, and other commands too', async () => {
  const other = vm.exec('while [ ! -e /run/over ]; do sleep 0.1; done; echo other lives', LIMIT);
  const line = `${EAT_LINE}; echo "rc=$?"; touch /run/over`;
  const result = await vm.exec(line, { ...LIMIT, user: '0:65534' });
  expect(result).toMatchObject({ exitCode: 0, isOutOfMemory: true, stdout: 'rc=137\n' });
  expect(await other).toMatchObject({ stdout: 'other lives\n', isOutOfMemory: false });
});

it('files that fill the memory end with ENOSPC or their writer, and can be removed again', async () => {
  const places = ['/fill', '/dev/shm/fill', '/tmp/fill', '/run/fill', '/var/tmp/fill'];
  const writers = places.map((path) => `dd if=/dev/zero of=${path} bs=1M`).join('; ');
  await vm.exec(writers, LIMIT);
  expect((await vm.exec(['rm', '-f', ...places], LIMIT)).exitCode).toBe(0);
  expect((await vm.exec('echo fine', LIMIT)).stdout).toBe('fine\n');
});

it('a bomb of processes leaves the guest able to end it', async () => {
  const bomb = vm.exec('f() { f | f & }; f; sleep 100', { timeoutMs: 3_000 });
  // Whichever comes first: its time limit, or the end of its shell as the biggest process.
  const outcome = await bomb.then<string | number, string>(
    ({ exitCode }) => exitCode,
    (error: unknown) => (GondolinError.is(error) ? error.code : String(error)),
  );
  expect([137, 'VM_EXEC_TIMEOUT']).toContain(outcome);
  await bomb.kill('SIGKILL', 'tree');
  expect((await vm.exec('echo fine', LIMIT)).stdout).toBe('fine\n');
});
