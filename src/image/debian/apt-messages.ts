/** Name of the package that apt does not know, from one line of its output; null for other lines. */
export function findUnknownPackage(line: string): string | null {
  const match =
    /^E: (?:Unable to locate package (\S+)|Package '([^']+)' has no installation candidate|Version '[^']*' for '([^']+)' was not found)/.exec(
      line,
    );
  return match?.[1] ?? match?.[2] ?? match?.[3] ?? null;
}

/** Name of the package that apt fetches, from one line of its output; null for other lines. */
export function findFetchedPackage(line: string): string | null {
  return /^Get:\d+ \S+ \S+ \S+ (\S+)/.exec(line)?.[1] ?? null;
}
