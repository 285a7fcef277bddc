import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cacheKey, canonicalJson, type Json } from '../../../../src/image/cache/cache-key.ts';

it('canonicalJson() sorts names at every depth and keeps the order of lists', () => {
  expect(canonicalJson({ b: [{ d: 1, c: null }, 'x'], a: true })).toBe(
    '{"a":true,"b":[{"c":null,"d":1},"x"]}',
  );
});

it('canonicalJson() gives JSON of the same value', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => {
      const text = JSON.stringify(value);
      expect(JSON.parse(canonicalJson(JSON.parse(text) as Json))).toEqual(JSON.parse(text));
    }),
  );
});

it('cacheKey() is the same for another order of names and differs for another value', () => {
  const key = cacheKey({ release: 'bookworm', packages: ['git'] });
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(cacheKey({ packages: ['git'], release: 'bookworm' })).toBe(key);
  expect(cacheKey({ release: 'bookworm', packages: ['git', 'vim'] })).not.toBe(key);
});
