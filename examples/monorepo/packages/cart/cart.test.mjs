import assert from 'node:assert/strict';
import { test } from 'node:test';
import { total } from './cart.mjs';

test('a cart costs what its items cost', () => {
  assert.equal(
    total([
      { cents: 100, count: 2 },
      { cents: 50, count: 1 },
    ]),
    298,
  );
});
