import { type PortMapping, parsePortMapping } from '../address/parse-port-mapping.ts';
import { usageError } from './usage-error.ts';

/** Reads `--listen [HOST:]PORT[:GUEST]`, in the forms of `ports:`. @throws {GondolinError} CLI_USAGE */
export function readPortFlags(flags: readonly string[]): PortMapping[] {
  const ports: PortMapping[] = [];
  for (const flag of flags) {
    const { mappings, problem, fix } = parsePortMapping(flag);
    if (mappings === undefined) {
      throw usageError(`--listen ${JSON.stringify(flag)}: ${problem}`, fix);
    }
    ports.push(...mappings);
  }
  return ports;
}
