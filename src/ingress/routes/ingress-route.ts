/**
 * A line of `/etc/gondolin/listeners`: requests whose path starts with the prefix go to a server in the guest.
 *
 * @example
 * const routes: IngressRoute[] = [
 *   { prefix: '/', port: 8000 },
 *   { prefix: '/api', port: 9000, stripPrefix: false },
 * ];
 * await vm.setIngressRoutes(routes);
 */
export interface IngressRoute {
  /** Starts with `/`. Whole segments count: `/api` is `/api` and `/api/x`, and not `/apix`. The longest prefix wins. */
  readonly prefix: string;
  /** Port of the server in the guest. */
  readonly port: number;
  /** Removes the prefix from the path of the request. @default true */
  readonly stripPrefix?: boolean;
}

/** A route with its default filled in. */
export type Route = Required<IngressRoute>;

/** Returns the part of a path below a prefix (with its `/`, or empty); null if the prefix does not cover the path. */
function restBelow(prefix: string, path: string): string | null {
  if (prefix === '/') return path;
  if (!path.startsWith(prefix)) return null;
  const rest = path.slice(prefix.length);
  return rest === '' || rest.startsWith('/') ? rest : null;
}

/** Returns the route of a path: that with the longest prefix that covers it, or null. */
export function findRoute(routes: readonly Route[], path: string): Route | null {
  let best: Route | null = null;
  for (const route of routes) {
    const isLonger = route.prefix.length > (best?.prefix.length ?? 0);
    if (isLonger && restBelow(route.prefix, path) !== null) best = route;
  }
  return best;
}

/** Returns the path that the server gets. */
export function pathForServer({ prefix, stripPrefix }: Route, path: string): string {
  return stripPrefix ? restBelow(prefix, path) || '/' : path;
}
