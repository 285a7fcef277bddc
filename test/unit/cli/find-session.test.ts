import { expect, it } from 'vitest';
import { chooseSession, type LiveSession } from '../../../src/cli/find-session.ts';

function live(id: string, other: Partial<LiveSession> = {}): LiveSession {
  const facts = { label: null, project: null, sandbox: null, directory: '/', image: 'debian' };
  const size = { cpus: 1, memoryBytes: 1, createdAtMs: 1, pid: 1, state: 'running' } as const;
  return { id, ...facts, ...size, controlDirectory: `/sessions/${id}`, ...other };
}

const [A, B] = ['aaaaaaaaaaaa', 'abbbbbbbbbbb'];
const labelled = live(A, { label: 'my vm' });
const here = live(B, { project: 'shop', sandbox: 'test', directory: '/work/shop' });
const there = live('cccccccccccc', { project: 'blog', sandbox: 'test', directory: '/work/blog' });
const all = [labelled, here, there];

it.each([
  [A, A],
  ['aa', A],
  ['my vm', A],
  ['shop/test', B],
  ['blog/test', 'cccccccccccc'],
  ['c', 'cccccccccccc'],
])('chooseSession() finds %j', (word, id) => {
  expect(chooseSession(all, word, '/home').id).toBe(id);
});

it('chooseSession() prefers the project that the command is run in', () => {
  expect(chooseSession(all, 'test', '/work/shop/src').id).toBe(B);
  expect(() => chooseSession(all, 'test', '/work/shopping')).toThrow('matches several VMs');
});

it('chooseSession() prefers a label to the start of an id', () => {
  const other = live('dddddddddddd', { label: 'a' });
  expect(chooseSession([...all, other], 'a', '/').id).toBe('dddddddddddd');
});

it('chooseSession() refuses what is unknown or means several', () => {
  const codeOf = (word: string) => {
    try {
      return chooseSession(all, word, '/').id;
    } catch (error) {
      return (error as { code?: string }).code;
    }
  };
  expect(['a', 'test', 'none', '', 'aaaaaaaaaaaaa'].map(codeOf)).toEqual([
    'CLI_USAGE',
    'CLI_USAGE',
    'SESSION_NOT_FOUND',
    'SESSION_NOT_FOUND',
    'SESSION_NOT_FOUND',
  ]);
});
