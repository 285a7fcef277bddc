import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withTax } from './price.mjs';

test('tax is rounded to whole cents', () => assert.equal(withTax(99), 118));
