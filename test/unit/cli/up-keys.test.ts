import { setImmediate } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { type KeyedProject, UpKeys } from '../../../src/cli/project/up-keys.ts';
import { initialState } from '../../../src/project/live/sandbox-state.ts';
import { service } from '../project/fake-services.ts';
import { fakeIo } from './fake-io.ts';

function keysOf(names: readonly string[], given: Partial<KeyedProject> = {}) {
  const { io, stderr } = fakeIo({ isTTY: true });
  const modes: boolean[] = [];
  const stdin = Object.assign(io.stdin, {
    isTTY: true,
    setRawMode: (isRaw: boolean) => modes.push(isRaw),
  });
  const done: string[] = [];
  const note = (what: string) => async (which?: string) => void done.push([what, which].join(' '));
  const states = names.map((name) => ({ ...initialState(service(name), ''), vmId: `vm-${name}` }));
  const project: KeyedProject = {
    ...{ states: () => states, restart: note('restart'), openShell: note('shell') },
    ...{ quit: () => done.push('quit'), detach: () => done.push('detach'), ...given },
  };
  const keys = new UpKeys(project, io);
  keys.start();
  const press = async (text: string) => {
    stdin.push(text);
    await setImmediate();
    await setImmediate();
  };
  return { keys, press, done, stderr, modes };
}

it('keys restart and open a shell in the sandbox that is chosen by its number', async () => {
  const { press, done, stderr } = keysOf(['db', 'web']);
  await press('r');
  expect(stderr()).toContain('Which sandbox to restart? 1 db, 2 web\n');
  await press('2');
  await press('s');
  await press('1');
  await press('r');
  await press('x');
  expect(done).toEqual(['restart web', 'shell vm-db']);
  expect(stderr()).toContain('Nothing was chosen.\n');
});

it('keys ask nothing when there is one sandbox, list it, detach, and quit by q and Ctrl-C', async () => {
  const { press, done, stderr } = keysOf(['db']);
  await press('r');
  await press('p');
  await press('d');
  await press('q');
  await press('\u0003');
  await press('z');
  expect(done).toEqual(['restart db', 'detach', 'quit', 'quit']);
  expect(stderr()).toContain('  db: waiting\n');
});

it('keys that are typed while a shell is open are its own, and come back after it', async () => {
  let end: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    end = resolve;
  });
  const { press, done, modes } = keysOf(['db'], { openShell: () => opened });
  await press('sq');
  expect(done).toEqual([]);
  expect(modes).toEqual([true, false]);
  end();
  await vi.waitFor(() => expect(modes).toEqual([true, false, true]));
  await press('q');
  expect(done).toEqual(['quit']);
});

it('a key whose work fails says so, and the next one works', async () => {
  const restart = () => Promise.reject(new Error('the project has gone'));
  const { press, done, stderr, keys, modes } = keysOf(['db'], { restart });
  await press('r');
  expect(stderr()).toContain('that failed: the project has gone\n');
  await press('d');
  keys.stop();
  await press('q');
  expect(done).toEqual(['detach']);
  expect(modes.at(-1)).toBe(false);
});
