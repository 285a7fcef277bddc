import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { askOnTerminal } from '../../../src/cli/ask-on-terminal.ts';

function terminal() {
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  const stderr = Object.assign(new PassThrough(), { isTTY: true });
  const ask = askOnTerminal({ stdin, stderr });
  // Newer versions of Node return one write for each read.
  const shown = () => {
    let text = '';
    for (let chunk = stderr.read(); chunk !== null; chunk = stderr.read()) text += String(chunk);
    return text;
  };
  return { stdin, stderr, ask, shown };
}

const QUESTION = {
  host: 'api.test',
  port: 443,
  scheme: 'https',
  method: 'GET',
  url: 'https://api.test/a',
} as const;

it.each([
  ['o', 'once'],
  ['Once ', 'once'],
  ['r', 'run'],
  ['run', 'run'],
  ['n', 'never'],
  ['', 'never'],
  ['yes', 'never'],
])('askOnTerminal() takes %j for %s', async (typed, answer) => {
  const { stdin, ask, shown } = terminal();
  stdin.write(`${typed}\n`);
  const { signal } = new AbortController();
  expect(await ask(QUESTION, { signal })).toBe(answer);
  expect(shown()).toContain('GET https://api.test/a is not in allowed_hosts');
});

it('askOnTerminal() shows no control characters of the guest, and cuts its text', async () => {
  const { stdin, ask, shown } = terminal();
  stdin.write('n\n');
  const url = `https://api.test/\u001b[2J\n${'x'.repeat(5_000)}`;
  await ask({ ...QUESTION, url }, { signal: new AbortController().signal });
  const text = shown();
  expect([text.includes('\u001b'), text.includes('\n')]).toEqual([false, false]);
  expect(text.length).toBeLessThan(300);
});

it('askOnTerminal() asks one question at a time, and the next after one was taken back', async () => {
  const { stdin, ask, shown } = terminal();
  const late = new AbortController();
  const first = ask(QUESTION, { signal: late.signal });
  const tcp = { host: 'db.test', port: 5432, scheme: 'tcp', method: null, url: null } as const;
  const second = ask(tcp, { signal: new AbortController().signal });
  await new Promise(setImmediate);
  expect(shown()).not.toContain('db.test');
  late.abort();
  await expect(first).rejects.toMatchObject({ name: 'AbortError' });
  await new Promise(setImmediate);
  stdin.write('r\n');
  expect(await second).toBe('run');
  expect(shown()).toContain('tcp to db.test, port 5432');
});

it('askOnTerminal() needs a terminal', () => {
  const stream = Object.assign(new PassThrough(), { isTTY: false });
  expect(() => askOnTerminal({ stdin: stream, stderr: stream })).toThrow(
    expect.objectContaining({ code: 'CLI_USAGE' }),
  );
});
