/** An item that may have to wait for others of its list. */
export interface Needing {
  readonly name: string;
  readonly needs: readonly string[];
}

/** Either `order`, or `cycle` if there is none: names, each needing the next, with the first repeated at the end. */
export type NeedsOrder<T> =
  | { readonly order: readonly T[]; readonly cycle?: never }
  | { readonly order?: never; readonly cycle: readonly string[] };

/**
 * Orders items so that each follows what it needs, and otherwise in the order given (of those that are ready, the first
 * given comes first). Needs that name no item are ignored: the config checks report them. Never throws.
 */
export function orderByNeeds<T extends Needing>(items: readonly T[]): NeedsOrder<T> {
  const names = new Set(items.map((item) => item.name));
  const done = new Set<string>();
  const order: T[] = [];
  let waiting = [...items];
  while (waiting.length > 0) {
    const next = waiting.find((item) => item.needs.every((n) => done.has(n) || !names.has(n)));
    if (next === undefined) return { cycle: findCycle(waiting, done) };
    order.push(next);
    done.add(next.name);
    waiting = waiting.filter((item) => item !== next);
  }
  return { order };
}

// Each waiting item needs another waiting one, so following the first such need must return to a name seen before.
function findCycle(waiting: readonly Needing[], done: ReadonlySet<string>): string[] {
  const byName = new Map(waiting.map((item) => [item.name, item]));
  const path: string[] = [];
  let current = waiting[0];
  while (current !== undefined && !path.includes(current.name)) {
    path.push(current.name);
    const need: string | undefined = current.needs.find((n) => byName.has(n) && !done.has(n));
    current = need === undefined ? undefined : byName.get(need);
  }
  const start = current === undefined ? 0 : path.indexOf(current.name);
  const cycle = path.slice(start);
  return [...cycle, cycle[0] ?? ''];
}
