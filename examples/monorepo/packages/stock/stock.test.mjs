import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sell } from './stock.mjs';

test('what is sold is no longer there', () => assert.equal(sell(3, 2), 1));
test('more than there is cannot be sold', () => assert.throws(() => sell(1, 2), RangeError));
