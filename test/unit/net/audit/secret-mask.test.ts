import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createSecretMask, maskEvent } from '../../../../src/net/audit/secret-mask.ts';
import { responseEvent } from '../../../fixtures/network-events.ts';

const VALUE = 'hunter2/+"x y=é';
const mask = createSecretMask([{ name: 'TOKEN', value: VALUE }]);

it.each([
  ['itself', VALUE],
  ['percent-encoded', encodeURIComponent(VALUE)],
  ['percent-encoded in lower case', encodeURIComponent(VALUE).toLowerCase()],
  ['in JSON', JSON.stringify({ a: VALUE })],
  ['in base64', Buffer.from(`user:${VALUE}`).toString('base64')],
  ['in base64 after one byte', Buffer.from(`u${VALUE}!`).toString('base64')],
  ['in base64 after two bytes', Buffer.from(`uu${VALUE}!!`).toString('base64')],
  ['in base64url', Buffer.from(`\u00fb\u00ff${VALUE}`).toString('base64url')],
])('createSecretMask() finds a value %s', (_how, text) => {
  expect(mask(text)).toContain('[secret TOKEN]');
  expect(mask(`before ${text} after`)).toContain('before ');
});

it('createSecretMask() masks the longer of two values that share their start', () => {
  const both = createSecretMask([
    { name: 'SHORT', value: 'abcd' },
    { name: 'LONG', value: 'abcdefgh' },
  ]);
  expect(both('abcdefgh abcd')).toBe('[secret LONG] [secret SHORT]');
});

it('createSecretMask() leaves texts without a value alone, and values of under 4 characters', () => {
  const short = createSecretMask([{ name: 'A', value: 'abc' }]);
  expect(short('abc')).toBe('abc');
  expect(createSecretMask([])('abc')).toBe('abc');
});

it('createSecretMask() finds any value between any texts', () => {
  const value = fc.string({ minLength: 8, maxLength: 40, unit: 'binary' });
  fc.assert(
    fc.property(value, fc.string(), fc.string(), (secret, before, after) => {
      const found = createSecretMask([{ name: 'S', value: secret }])(`${before}${secret}${after}`);
      expect(found).toContain('[secret S]');
    }),
  );
});

it('maskEvent() masks every text of an event, but not the words of closed sets', () => {
  const event = responseEvent({
    url: `https://api.test/${encodeURIComponent(VALUE)}`,
    statusText: VALUE,
    error: `bad header ${VALUE}`,
    requestHeaders: [],
    responseHeaders: [['x-echo', `Basic ${Buffer.from(`u:${VALUE}`).toString('base64')}`]],
  });
  const masked = JSON.stringify(maskEvent(event, mask));
  expect(masked).not.toContain('hunter2');
  expect(masked.match(/\[secret TOKEN\]/g)).toHaveLength(4);
  const words = createSecretMask([{ name: 'A', value: 'response' }]);
  expect(maskEvent(event, words).kind).toBe('response');
});
