/** True when `GONDOLIN_COLD=1` asks for starts without saved machines. */
export function isColdForced(
  env: Readonly<Record<string, string | undefined>> = process.env,
): boolean {
  return env['GONDOLIN_COLD'] === '1';
}
