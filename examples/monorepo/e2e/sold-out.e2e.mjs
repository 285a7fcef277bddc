import assert from 'node:assert/strict';
import { sell } from '../packages/stock/stock.mjs';

assert.throws(() => sell(0, 1), /only 0 left/);
