import assert from 'node:assert/strict';
import { total } from '../packages/cart/cart.mjs';
import { sell } from '../packages/stock/stock.mjs';

assert.equal(sell(10, 2), 8);
assert.equal(total([{ cents: 1000, count: 2 }]), 2380);
