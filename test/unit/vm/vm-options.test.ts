import { expect, it } from 'vitest';
import type { HttpHooks } from '../../../src/index.ts';
import { createHttpHooks } from '../../../src/net/hooks/create-http-hooks.ts';
import { normalizeOptions } from '../../../src/vm/normalize-options.ts';
import { checkOptions } from '../../../src/vm/vm-options.ts';

const SECRET = 'a-value-that-no-message-shows';

it.each([
  ['the options of createHttpHooks()', { allowedHosts: ['api.github.com'] }],
  ['its options', { secrets: { TOKEN: { hosts: ['api.github.com'], value: SECRET } } }],
  ['a copy without the mark', JSON.parse(JSON.stringify(createHttpHooks().httpHooks))],
  ['null', null],
])('checkOptions() refuses %s as httpHooks, and does not print it', (_what, value) => {
  const check = () => checkOptions({ httpHooks: value as HttpHooks });
  expect(check).toThrow(expect.objectContaining({ code: 'VM_BAD_OPTION' }));
  expect(check).toThrow(/^(?!.*a-value).*option httpHooks/);
});

it('checkOptions() takes httpHooks of this copy of the package and of another', () => {
  const { httpHooks } = createHttpHooks({ allowedHosts: ['api.github.com'] });
  expect(() => checkOptions({ httpHooks })).not.toThrow();
  const other = { network: httpHooks.network, [Symbol.for('gondolin.httpHooks')]: true };
  expect(() => checkOptions({ httpHooks: other as unknown as HttpHooks })).not.toThrow();
});

it('checkOptions() refuses a hook of vfs that does not exist or is no function', () => {
  const check = (hooks: object) => () => checkOptions({ vfs: { hooks } });
  expect(check({ onread: () => undefined })).toThrow(/vfs\.hooks: got "onread", want only before,/);
  expect(check({ onRead: 'x' })).toThrow(/vfs\.hooks\.onRead: got "string", want a function/);
  expect(check({ onRead: () => undefined, before: undefined })).not.toThrow();
});

it('normalizeOptions() takes all that createHttpHooks() returns, with its env below that of the options', () => {
  const secrets = { TOKEN: { hosts: ['api.github.com'], value: SECRET } };
  const whole = createHttpHooks({ secrets });
  const { httpHooks, env } = normalizeOptions({ httpHooks: whole, env: { CI: '1' } });
  expect(httpHooks).toBe(whole.httpHooks);
  expect(env).toEqual({ TOKEN: whole.env['TOKEN'], CI: '1' });
  expect(normalizeOptions({ httpHooks: whole, env: { TOKEN: 'mine' } }).env).toEqual({
    TOKEN: 'mine',
  });
  expect(normalizeOptions({ httpHooks: whole.httpHooks })).toEqual({ httpHooks });
});

it.each([['a\nline'], [''], [' '], ['x'.repeat(101)], ['\u001b[31m']])(
  'checkOptions() refuses %j as sessionLabel',
  (sessionLabel) => {
    expect(() => checkOptions({ sessionLabel })).toThrow(/option sessionLabel: got/);
  },
);

it('checkOptions() takes a sessionLabel in any language', () => {
  expect(() => checkOptions({ sessionLabel: 'Straße 5 – 東京' })).not.toThrow();
});

it.each([{ startTimeoutMs: 0 }, { startTimeoutMs: 1.5 }])(
  'checkOptions() refuses $startTimeoutMs as startTimeoutMs',
  (options) => {
    expect(() => checkOptions(options)).toThrow(/option startTimeoutMs: got/);
  },
);

it('checkOptions() refuses an unknown mode of the network', () => {
  const check = (mode: string) => () =>
    checkOptions({ network: { policy: { mode: mode as 'open' } } });
  expect(check('opened')).toThrow(
    'option network.policy.mode: got "opened", want none, allowlist, open',
  );
  for (const mode of ['none', 'allowlist', 'open']) expect(check(mode)).not.toThrow();
});
