/** Returns true for 1..65535. */
export function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}

/** Parses a port: decimal digits without a leading zero, 1..65535. Returns null for anything else. */
export function parsePort(text: string): number | null {
  const port = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 0;
  return isPort(port) ? port : null;
}
