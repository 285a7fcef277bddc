import { once } from 'node:events';
import { PassThrough, Writable } from 'node:stream';
import { expect, it } from 'vitest';
import type { TerminalSize } from '../../../../src/protocol/host-message.ts';
import { attachTerminal } from '../../../../src/vm/terminal/attach.ts';

class Keyboard extends PassThrough {
  readonly isTTY = true;
  isRaw = false;
  setRawMode(isRaw: boolean): void {
    this.isRaw = isRaw;
  }
}

class Screen extends Writable {
  readonly isTTY = true;
  rows = 30;
  columns = 100;
  text = '';
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += String(chunk);
    done();
  }
  resizeTo(rows: number, columns: number): void {
    Object.assign(this, { rows, columns });
    this.emit('resize');
  }
}

function start(resized: (size: TerminalSize) => Promise<void> = async () => undefined) {
  const input = new Keyboard();
  const output = new Screen();
  const sizes: TerminalSize[] = [];
  const command = {
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    resize: (size: TerminalSize) => {
      sizes.push(size);
      return resized(size);
    },
  };
  const attach = () => attachTerminal(command, { input, output });
  return { input, output, command, sizes, attach, attached: attach() };
}

it('keys, output and sizes pass, and the terminal is as it was at the end', async () => {
  const { input, output, command, sizes, attached } = start();
  expect(input.isRaw).toBe(true);
  input.write('\u0003');
  expect(await once(command.stdin, 'data')).toEqual([Buffer.from('\u0003')]);
  output.resizeTo(50, 132);
  expect(sizes).toEqual([
    { rows: 30, columns: 100 },
    { rows: 50, columns: 132 },
  ]);
  command.stdout.end('\u001b[?1049hscreen');
  await attached;
  expect(output.text).toBe('\u001b[?1049hscreen\u001b[?1049l');
  expect(input.isRaw).toBe(false);
  expect(input.isPaused()).toBe(true);
  output.resizeTo(1, 1);
  expect(sizes).toHaveLength(2);
});

it('leaves no listener behind, on the process neither', async () => {
  const count = () =>
    ['exit', 'SIGCONT', 'SIGWINCH'].map((name) => process.listenerCount(name as NodeJS.Signals));
  const before = count();
  const { input, output, command, attached } = start();
  expect(count()).not.toEqual(before);
  command.stdout.destroy(new Error('the VM ended'));
  command.stdout.on('error', () => undefined);
  await attached;
  expect(count()).toEqual(before);
  for (const name of ['resize', 'close', 'error', 'drain', 'data', 'end']) {
    expect([input.listenerCount(name), output.listenerCount(name)]).toEqual([
      new Keyboard().listenerCount(name),
      new Screen().listenerCount(name),
    ]);
  }
});

it("the terminal is restored at the end of this process, and when a command's output fails", async () => {
  const { input, output, command, attached } = start();
  command.stdout.write('\u001b[?25l');
  await expect.poll(() => output.text).toBe('\u001b[?25l');
  const restore = process.listeners('exit').at(-1);
  restore?.(1);
  expect(input.isRaw).toBe(false);
  expect(output.text).toBe('\u001b[?25l\u001b[?25h');
  command.stdout.destroy();
  await attached;
  expect(output.text).toBe('\u001b[?25l\u001b[?25h');
});

it('a terminal that goes away hangs the command up', async () => {
  const { output, command, attached } = start();
  output.destroy(new Error('EIO'));
  await attached;
  expect(command.stdout.destroyed).toBe(true);
});

it('only one command has the terminal', async () => {
  const { command, attach, attached } = start();
  expect(attach).toThrow(expect.objectContaining({ code: 'VM_BAD_OPTION' }));
  command.stdout.end();
  await attached;
  // A command that has failed by now is over at once.
  await attach();
});

it('a size that cannot be passed on is left to the command to report', async () => {
  const { command, attached } = start(() => Promise.reject(new Error('it did not start')));
  command.stdout.end();
  await attached;
});

it('input and output that are no terminal pass as they are, up to the end of the input', async () => {
  const input = new PassThrough();
  const output = new PassThrough();
  const command = {
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    resize: () => Promise.reject(new Error('no size')),
  };
  const attached = attachTerminal(command, { input, output });
  input.end('exit\n');
  expect(String(await command.stdin.toArray())).toBe('exit\n');
  command.stdout.end('\u001b[31mbye');
  await attached;
  expect(String(output.read())).toBe('\u001b[31mbye');
  expect(output.writableEnded).toBe(false);
});
