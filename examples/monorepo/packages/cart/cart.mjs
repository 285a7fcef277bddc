import { withTax } from '../price/price.mjs';

/** Returns what a cart costs, in cents. */
export function total(items) {
  return items.reduce((sum, { cents, count }) => sum + withTax(cents) * count, 0);
}
