import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type ExecOptions, type ExecProcess, VM } from 'gondolin';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { IS_FULL_LOAD } from '../fixtures/full-load.ts';
import { Tmux } from '../fixtures/tmux.ts';

let vm: VM;

beforeAll(async () => {
  vm = await VM.create({ cpus: 2, sandbox: { rootOverlay: true } });
});

afterAll(() => vm.close());

const LIMIT = { timeoutMs: 20_000 };

/** A command on a terminal, and what it has written so far. */
function onTerminal(command: string | string[], options: ExecOptions = {}) {
  const process = vm.exec(command, {
    pty: true,
    stdin: true,
    stdout: 'pipe',
    ...LIMIT,
    ...options,
  });
  const texts = process[Symbol.asyncIterator]();
  let text = '';
  /** Waits for a text, by default for the end. Fails with what came instead. */
  const until = async (wanted?: RegExp) => {
    while (wanted === undefined || !wanted.test(text)) {
      const next = await texts.next().catch(() => ({ done: true, value: '' }));
      if (next.done === true) break;
      text += next.value;
    }
    if (wanted !== undefined) expect(text).toMatch(wanted);
    return text;
  };
  return { process, until };
}

function stdout(process: ExecProcess): Promise<string> {
  return process.then((result) => result.stdout);
}

it('exec() with pty gives a terminal of the size, which belongs to the user', async () => {
  const command =
    'tty; stty size; echo $TERM; stat -c "%u %g" $(tty); test -t 0 && test -t 2; echo $?';
  const size = { rows: 50, columns: 132 };
  expect(await stdout(vm.exec(command, { pty: true, user: '1000:1000', ...size, ...LIMIT }))).toBe(
    '/dev/pts/0\r\n50 132\r\nxterm-256color\r\n1000 5\r\n0\r\n',
  );
  const plain = await vm.exec('stty size; echo oops >&2', { pty: true, env: { TERM: 'vt100' } });
  expect(plain).toMatchObject({ stdout: '24 80\r\noops\r\n', stderr: '' });
});

it('what is typed arrives line by line, and the end of the input ends a reader and a shell', async () => {
  const cat = vm.exec(['cat'], { pty: true, stdin: 'one\ntwo', ...LIMIT });
  // Typed text is echoed; `cat` repeats it.
  expect((await stdout(cat)).match(/two/g)).toHaveLength(2);
  expect(await stdout(vm.exec(['cat'], { pty: true, ...LIMIT }))).toBe('');
  const shell = vm.exec(['bash', '-i'], { pty: true, stdin: 'echo $((6*7))\n', ...LIMIT });
  expect(await shell).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/[\r\n]42\r\n/) });
});

it('Ctrl-C, Ctrl-Z and a new size reach the programs in the foreground', async () => {
  // Said again and again: the kernel drops output that waits when Ctrl-C is typed, also what the signal has caused.
  const trapping =
    onTerminal(`trap 'got=INT' INT; trap 'size=$(stty size)' WINCH; trap 'exit 7' QUIT
    while :; do echo "$got $size."; sleep 0.05; done`);
  await trapping.until(/ \./);
  trapping.process.write('\u0003');
  await trapping.until(/INT \./);
  await trapping.process.resize(33, 99);
  await trapping.until(/INT 33 99\./);
  trapping.process.write('\u001c');
  await trapping.until();
  expect((await trapping.process).exitCode).toBe(7);

  const shell = onTerminal(['bash', '--norc', '-i'], { env: { PS1: 'prompt' } });
  await shell.until(/prompt/);
  // What is typed is echoed at once; what the program writes says that it is in the foreground.
  shell.process.write(`perl -e '$| = 1; print "is-", 1 + 1, "\\n"; print while <>'\n`);
  await shell.until(/is-2\r\n/);
  // Nothing is typed before the prompt is back: what comes with Ctrl-Z, the program may still read as it stops.
  shell.process.write('\u001a');
  await shell.until(/Stopped +perl[\s\S]*prompt/);
  shell.process.write('fg\n');
  await shell.until(/fg\r\n[\s\S]*perl -e/);
  shell.process.write('twice\n\u0004');
  await shell.until(/twice\r\ntwice\r\n/);
  shell.process.write('exit 5\n');
  await shell.until();
  expect((await shell.process).exitCode).toBe(5);
});

it('every byte that is written before the exit arrives, and nothing is left in the guest', async () => {
  const command = 'stty -opost; seq 1 400000; printf end';
  const { stdoutBuffer } = await vm.exec(command, { pty: true, ...LIMIT });
  const wanted = await vm.exec('{ seq 1 400000; printf end; } | sha256sum');
  const digest = createHash('sha256').update(stdoutBuffer).digest('hex');
  expect(wanted.stdout).toContain(digest);
  expect(await vm.exec('ls /dev/pts')).toMatchObject({ stdout: 'ptmx\n' });
});

it('shell() runs what is written to it, with a PATH, and gives its exit code', async () => {
  const shell = vm.shell({ attach: false, env: { TERM: 'dumb' }, cwd: '/tmp' });
  shell.write('pwd; echo $TERM; stty size; ls -d /etc\n');
  shell.write('exit 3\n');
  let text = '';
  for await (const chunk of shell) text += chunk;
  expect(text).toContain('/tmp\r\ndumb\r\n24 80\r\n/etc\r\n');
  expect((await shell).exitCode).toBe(3);
  const own = vm.shell({ attach: false, command: ['sh', '-i'] });
  own.write('echo $0\n');
  own.end();
  expect((await own).stdout).toContain('sh\r\n');
});

it('ten shells at once each do their own work', async () => {
  const codes = await Promise.all(
    Array.from({ length: 10 }, async (_, index) => {
      const shell = vm.shell({ attach: false });
      shell.write(`test $((${index} * 7)) = ${index * 7} && exit ${index}\n`);
      return (await shell).exitCode;
    }),
  );
  expect(codes).toEqual(codes.map((_, index) => index));
});

it('a shell in tmux: vi, a new size, Ctrl-C, Ctrl-Z, and the terminal as it was', async () => {
  const tmux = new Tmux();
  const program = resolve(import.meta.dirname, '../fixtures/attached-shell.ts');
  const node = `${process.execPath} --import tsx ${program}`;
  tmux.type(`cd ${resolve(import.meta.dirname, '../..')}`);
  tmux.type(`stty -g > ${tmux.directory}/before; clear`);
  tmux.type(`${node}; echo "code $?"; stty -g > ${tmux.directory}/after`);
  await tmux.until(/guest\$/);

  tmux.type('vi /tmp/notes');
  await tmux.until(/^~[\s\S]*"\/tmp\/notes" \[New/m);
  expect(tmux.modes()).toMatch(/^1 /);
  tmux.resize(120, 40);
  tmux.press('i', 'first line', 'Escape');
  tmux.type(':r !stty size </dev/tty');
  await tmux.until(/first line\n40 120\n~/);
  tmux.type(':wq');
  await tmux.until(/guest\$ *$/m);
  tmux.type('cat /tmp/notes');
  await tmux.until(/first line\n40 120\nguest\$/);

  tmux.type(`perl -e '$| = 1; print "up-", 1 + 1, "\\n"; sleep 600'`);
  await tmux.until(/up-2/);
  tmux.press('C-c');
  tmux.type('echo "int $?"');
  await tmux.until(/int 130/);
  tmux.type(`perl -e '$| = 1; print "up-", 1 + 2, "\\n"; sleep 600'`);
  await tmux.until(/up-3/);
  tmux.press('C-z');
  tmux.type('jobs');
  await tmux.until(/Stopped/);
  tmux.type('disown %1; exit 5');
  await tmux.until(/code 5\nhost\$/);
  const [before, after] = ['before', 'after'].map((name) =>
    readFileSync(`${tmux.directory}/${name}`, 'utf8'),
  );
  expect(after).toBe(before);
  expect(tmux.modes()).toBe('0 1 0');
}, 180_000);

const STREAM = IS_FULL_LOAD ? '1G' : '8M';

it(`${STREAM} that go out of one command and into another come back the same`, async () => {
  const memory = process.memoryUsage().rss;
  const out = vm.exec(
    `openssl enc -aes-128-ctr -pass pass:x -nosalt -in /dev/zero 2>/dev/null | head -c ${STREAM}`,
    {
      stdout: 'pipe',
    },
  );
  const back = vm.exec('sha256sum', { stdin: out.stdout ?? '' });
  const hash = createHash('sha256');
  out.stdout?.on('data', (chunk: Buffer) => hash.update(chunk));
  expect((await back).stdout).toBe(`${hash.digest('hex')}  -\n`);
  expect(process.memoryUsage().rss - memory).toBeLessThan(300 * 2 ** 20);
}, 600_000);

it('endless output that nobody reads for seconds fills neither side', async () => {
  const endless = vm.exec(['yes'], { stdout: 'pipe' });
  await once(endless.stdout ?? process.stdin, 'readable');
  const memory = () => process.memoryUsage().rss;
  const before = memory();
  const shown = await vm.exec(['sleep', IS_FULL_LOAD ? '10' : '1']);
  expect(shown.exitCode).toBe(0);
  expect(memory() - before).toBeLessThan(64 * 2 ** 20);
  await endless.kill('SIGKILL');
  endless.stdout?.resume();
  expect(await endless).toMatchObject({ signal: 'SIGKILL' });
  expect((await vm.exec('pgrep -x yes')).exitCode).toBe(1);
});

it('endless output that nobody reads waits in the guest, and ends with its reader', async () => {
  const endless = vm.exec(['yes'], { pty: true, stdin: true, stdout: 'pipe' });
  const texts = endless[Symbol.asyncIterator]();
  let first = '';
  while (first.length < 3) first += (await texts.next()).value;
  expect(first.slice(0, 3)).toBe('y\r\n');
  const memory = () => vm.exec("grep VmRSS /proc/1/status | tr -dc '0-9'");
  const kilobytes = Number((await memory()).stdout);
  for (let round = 0; round < 20; round += 1) await vm.exec('seq 1000');
  expect(Number((await memory()).stdout)).toBeLessThan(kilobytes + 2_048);
  await texts.return?.();
  expect(await endless).toMatchObject({ exitCode: 129, signal: 'SIGHUP' });
});

it('a reader that leaves hangs the terminal up', async () => {
  const { process, until } = onTerminal(
    'trap "echo $$ > /tmp/hup; exit 9" HUP; echo ready; while :; do sleep 0.1; done',
  );
  await until(/ready/);
  process.stdout?.destroy();
  expect((await process).exitCode).toBe(9);
  expect((await vm.exec('cat /tmp/hup')).ok).toBe(true);
  await expect(process.resize(10, 10)).resolves.toBeUndefined();
});
