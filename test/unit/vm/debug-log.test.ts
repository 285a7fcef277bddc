import { expect, it } from 'vitest';
import { debugLog } from '../../../src/vm/debug-log.ts';

const COMPONENTS = ['vm', 'agent', 'net', 'vfs'];

it.each([
  { debug: ['sandbox'], shown: ['vm', 'agent'] },
  { debug: ['network'], shown: ['net'] },
  { debug: ['vfs', 'agent'], shown: ['agent', 'vfs'] },
  { debug: ['*'], shown: COMPONENTS },
  { debug: '*' as const, shown: COMPONENTS },
  { debug: [], shown: [] },
])('sandbox.debug $debug logs $shown', ({ debug, shown }) => {
  const seen: string[] = [];
  const log = debugLog({ sandbox: { debug, debugLog: (component) => void seen.push(component) } });
  for (const component of COMPONENTS) log(component, 'text');
  expect(seen).toEqual(shown);
});
