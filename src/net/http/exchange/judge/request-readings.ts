import type { Fields } from '../../fields.ts';

/** A method and path that a server may take a request for. */
export interface RequestReading {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
}

const METHOD_FIELDS: ReadonlySet<string> = new Set([
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-original-method',
]);
const URL_FIELDS: ReadonlySet<string> = new Set([
  'x-original-url',
  'x-original-uri',
  'x-rewrite-url',
  'x-override-url',
  'x-forwarded-uri',
]);
/** More of a kind are no client's. */
const MAX_OVERRIDES = 4;

/** Path and query of an override's value: a URL or a path. */
function pathOfUrl(value: string): string {
  const rest = value.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '');
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function queryMethods(path: string): string[] {
  const at = path.indexOf('?');
  return at < 0 ? [] : new URLSearchParams(path.slice(at + 1)).getAll('_method');
}

/**
 * Returns every method and path a server may take a request for: its own first, then those of override fields and of the
 * query's `_method`. Null when it has more than four of a kind.
 * @param fields  Untrusted. CGI takes `_` in a name for `-`.
 */
export function requestReadings(
  { method, path }: RequestReading,
  fields: Fields,
): readonly RequestReading[] | null {
  const methods = queryMethods(path);
  const paths: string[] = [];
  for (let index = 0; index < fields.length; index += 2) {
    const name = (fields[index] ?? '').toLowerCase().replaceAll('_', '-');
    const value = (fields[index + 1] ?? '').trim();
    if (METHOD_FIELDS.has(name)) methods.push(...value.split(',').map((one) => one.trim()));
    else if (URL_FIELDS.has(name)) paths.push(pathOfUrl(value));
  }
  if (methods.length > MAX_OVERRIDES || paths.length > MAX_OVERRIDES) return null;
  return [path, ...paths].flatMap((onePath) =>
    [method, ...methods].map((oneMethod) => ({ method: oneMethod, path: onePath })),
  );
}
