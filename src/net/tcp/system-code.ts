/** The errno name of a system error (`ECONNREFUSED`) or the code of a library's, `null` without one. */
export function systemCode(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}
