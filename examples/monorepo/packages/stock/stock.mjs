/** Returns the stock after a sale; more than there is cannot be sold. */
export function sell(stock, count) {
  if (count > stock) throw new RangeError(`only ${stock} left`);
  return stock - count;
}
