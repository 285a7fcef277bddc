/** Resolves a name as this machine does; loaded with the first lookup. */
export async function resolveName(name: string): Promise<readonly string[]> {
  const { lookup } = await import('node:dns/promises');
  const found = await lookup(name, { all: true });
  return found.map(({ address }) => address);
}
