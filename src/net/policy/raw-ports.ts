import type { ListedPattern } from './listed-pattern.ts';

/**
 * Ports of well-known services that never speak HTTP: mail, shells, directories, databases, queues. Source: IANA's service
 * names and port numbers, and the projects' own defaults.
 */
const KNOWN_RAW_PORTS: ReadonlySet<number> = new Set([
  20, 21, 22, 23, 25, 88, 110, 111, 119, 135, 139, 143, 179, 194, 389, 445, 465, 514, 515, 554, 563,
  587, 636, 873, 989, 990, 992, 993, 994, 995, 1080, 1194, 1433, 1434, 1521, 1723, 1883, 2049, 2181,
  3268, 3269, 3306, 3389, 4369, 5222, 5269, 5432, 5433, 5671, 5672, 5900, 5901, 6379, 6380, 6432,
  6667, 6697, 7687, 8883, 9042, 9092, 9093, 9094, 11211, 26379, 27017, 27018, 27019, 33060,
]);

/**
 * Returns a test for whether a connection to a port means raw TCP, before any byte arrives: the port is known for another
 * protocol, or `allowed_hosts` names it with `/tcp` and never without.
 */
export function rawPortTest(allowed: Iterable<ListedPattern>): (port: number) => boolean {
  const raw = new Set<number>();
  const web = new Set<number>();
  for (const { port, isTcp } of allowed) {
    if (typeof port === 'number') (isTcp ? raw : web).add(port);
  }
  return (port) => !web.has(port) && (raw.has(port) || KNOWN_RAW_PORTS.has(port));
}
