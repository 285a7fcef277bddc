const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
};
const MIB = 2 ** 20;
const MIN_MIB = 64;
const MAX_MIB = 2 ** 20;
const MAX_CPUS = 64;

/** Converts a size of Compose or of a dev container (`512m`, `1gb`, `1073741824`) to `NMiB`, rounded up; null for anything else. */
export function memorySize(text: string): string | null {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s*([bkmgt]?)i?b?$/i.exec(text.trim());
  const unit = UNITS[match?.[2]?.toLowerCase() ?? ''];
  if (match === null || unit === undefined) return null;
  const size = Math.ceil((Number(match[1]) * unit) / MIB);
  return size > MAX_MIB ? null : `${Math.max(MIN_MIB, size)}MiB`;
}

/** Converts a number of processors, such as `1.5`, to a whole one from 1 to 64; null for anything else. */
export function cpuCount(text: string): number | null {
  if (!/^\d{1,4}(?:\.\d{1,6})?$/.test(text.trim())) return null;
  const count = Math.max(1, Math.ceil(Number(text)));
  return count > MAX_CPUS ? null : count;
}
