/** Returns a price with its tax, in whole cents. */
export function withTax(cents, rate = 0.19) {
  return Math.round(cents * (1 + rate));
}
