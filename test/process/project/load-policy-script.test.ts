import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadPolicyScript } from '../../../src/project/load-policy-script.ts';
import { temporaryDirectory } from '../../fixtures/temporary-directory.ts';

function scriptWith(text: string, name = 'policy.mjs'): string {
  const path = join(temporaryDirectory(), name);
  writeFileSync(path, text);
  return path;
}

it.each([
  'export function onRequest(request) { return new Response(request.url, { status: 418 }); }',
  'export default { onRequest: (request) => new Response(request.url, { status: 418 }) };',
  'export const onRequest = async (request) => new Response(request.url, { status: 418 }); export const other = 7;',
])('loadPolicyScript() gives the hooks of a module: %s', async (text) => {
  const script = await loadPolicyScript(scriptWith(text));
  expect(Object.keys(script)).toEqual(['onRequest']);
  const answer = await script.onRequest?.(new Request('https://api.test/'));
  expect(answer).toMatchObject({ status: 418 });
});

it.each([
  ['no hook', 'export const onRequets = () => undefined;', 'exports none of'],
  ['no object', 'export default 7;', 'exports none of'],
  ['no function', 'export const onResponse = "x";', 'onResponse is not a function'],
  ['an error of its own', 'throw new Error("of its own");', 'of its own'],
  ['no JavaScript', 'import "no-such-package-of-anybody";', 'cannot be loaded'],
])('loadPolicyScript() fails for a module with %s', async (_what, text, want) => {
  const failed = loadPolicyScript(scriptWith(text));
  await expect(failed).rejects.toMatchObject({ code: 'PROJECT_POLICY_SCRIPT_INVALID', exit: 2 });
  await expect(failed).rejects.toThrow(want);
});

it('loadPolicyScript() fails for a file that is gone', async () => {
  await expect(loadPolicyScript('/no/such/policy.mjs')).rejects.toMatchObject({
    code: 'PROJECT_POLICY_SCRIPT_INVALID',
  });
});
