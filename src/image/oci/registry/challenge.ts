/** A `WWW-Authenticate` field: the way a server wants to be asked. */
export type Challenge =
  | { readonly scheme: 'basic' }
  | {
      readonly scheme: 'bearer';
      /** URL that gives tokens. */
      readonly realm: string;
      readonly service: string | null;
      readonly scope: string | null;
    };

const FIELD_MAX = 8192;
const PARAMETER = /\s*([a-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))\s*(?:,|$)/iy;

/**
 * Reads the fields of a 401: the first challenge that can be met, Bearer before Basic. Untrusted.
 * @returns null when there is none.
 * @see RFC 9110, section 11.6.1; docs.docker.com/registry/spec/auth/token
 */
export function parseChallenge(fields: readonly string[]): Challenge | null {
  const found = fields.filter(({ length }) => length <= FIELD_MAX).map(parseOne);
  const bearer = found.find((challenge) => challenge?.scheme === 'bearer');
  return bearer ?? found.find((challenge) => challenge !== null) ?? null;
}

function parseOne(field: string): Challenge | null {
  const [, scheme = '', rest = ''] = /^\s*([a-z]+)(?:\s+(.*))?$/is.exec(field) ?? [];
  if (scheme.toLowerCase() === 'basic') return { scheme: 'basic' };
  if (scheme.toLowerCase() !== 'bearer') return null;
  const parameters = new Map<string, string>();
  PARAMETER.lastIndex = 0;
  for (let match = PARAMETER.exec(rest); match !== null; match = PARAMETER.exec(rest)) {
    const [, name = '', quoted, plain = ''] = match;
    parameters.set(name.toLowerCase(), quoted?.replaceAll(/\\(.)/g, '$1') ?? plain);
    if (PARAMETER.lastIndex >= rest.length) break;
  }
  const realm = parameters.get('realm');
  if (realm === undefined || !URL.canParse(realm)) return null;
  return {
    scheme: 'bearer',
    realm,
    service: parameters.get('service') ?? null,
    scope: parameters.get('scope') ?? null,
  };
}
