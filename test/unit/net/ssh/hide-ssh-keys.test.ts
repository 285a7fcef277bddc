import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { createHttpHooks } from '../../../../src/net/hooks/create-http-hooks.ts';

it('printing httpHooks shows neither a private key of SSH nor its passphrase', () => {
  const credential = { username: 'git', privateKey: 'hunter2-key', passphrase: 'hunter2-words' };
  const ssh = { allowedHosts: ['git.test'], credentials: { 'git.test': credential } };
  const { httpHooks } = createHttpHooks({ ssh });
  const shown = inspect(httpHooks, { depth: 20 }) + JSON.stringify(httpHooks);
  expect(shown).toContain('git.test');
  expect(shown).not.toContain('hunter2');
  expect(httpHooks.network.ssh?.credentials?.['git.test']?.privateKey).toBe('hunter2-key');
});
