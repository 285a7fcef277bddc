import type { DebugLog, VMOptions } from './vm-options.ts';

/** Returns a log that writes the components of `sandbox.debug` to `sandbox.debugLog` or standard error. */
export function debugLog(options: VMOptions): DebugLog {
  const { debug, debugLog: custom } = options.sandbox ?? {};
  if (debug === undefined) return () => undefined;
  const write =
    custom ?? ((component, message) => process.stderr.write(`[${component}] ${message}\n`));
  return (component, message) => {
    if (debug === '*' || debug.includes('*') || debug.includes(component))
      write(component, message);
  };
}
