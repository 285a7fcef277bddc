import type { EventLog } from './events/vm-events.ts';
import type { DebugLog, VMOptions } from './vm-options.ts';

/** The names of the documents, and the components that each stands for. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  sandbox: ['vm', 'agent'],
  network: ['net'],
};

/** True when `sandbox.debug` asks for a component. */
function isLogged({ sandbox }: VMOptions, component: string): boolean {
  const debug = sandbox?.debug ?? [];
  const names = typeof debug === 'string' ? [debug] : debug;
  return names.some((name) => name === '*' || [name, ...(GROUPS[name] ?? [])].includes(component));
}

/** Returns the log of a VM's events. */
export function eventLog(options: VMOptions, log: DebugLog): EventLog {
  const toLog = (component: string) =>
    isLogged(options, component) ? (line: string) => log(component, line) : null;
  return { network: toLog('net'), files: toLog('vfs') };
}

/** Returns a log that writes the components of `sandbox.debug` to `sandbox.debugLog` or standard error. */
export function debugLog(options: VMOptions): DebugLog {
  const { debug, debugLog: custom } = options.sandbox ?? {};
  if (debug === undefined) return () => undefined;
  const write =
    custom ?? ((component, message) => process.stderr.write(`[${component}] ${message}\n`));
  return (component, message) => {
    if (isLogged(options, component)) write(component, message);
  };
}
