const MAX_DECODES = 3;

/** Decodes `%XX` of printable ASCII but not of the characters in `kept`; other escapes become upper case. */
export function decodeOnce(text: string, kept: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (written, hex: string) => {
    const code = Number.parseInt(hex, 16);
    const character = String.fromCharCode(code);
    const isPlain = code > 0x20 && code < 0x7f && !kept.includes(character);
    return isPlain ? character : written.toUpperCase();
  });
}

/** Takes `\` for `/`, drops empty and `.` segments and resolves `..`, as lenient servers do. A slash at the end stays. */
function resolveDots(path: string): string {
  const segments: string[] = [];
  const given = path.replaceAll('\\', '/').split('/');
  for (const segment of given) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment);
  }
  const last = given.at(-1);
  const isDirectory = segments.length > 0 && (last === '' || last === '.' || last === '..');
  return `/${segments.join('/')}${isDirectory ? '/' : ''}`;
}

function decodeFully(path: string): string {
  let decoded = path;
  for (let round = 0; round < MAX_DECODES; round++) decoded = decodeOnce(decoded, '');
  return decoded;
}

/** The path of a request target, without query and fragment; other bytes than printable ASCII as `%XX`. */
export function pathOf(target: string): string {
  const path = target.split(/[?#]/, 1)[0] ?? '';
  return path.replace(/[^\x21-\x7e]/gu, (character) =>
    Buffer.from(character).reduce(
      (text, byte) => `${text}%${byte.toString(16).padStart(2, '0').toUpperCase()}`,
      '',
    ),
  );
}

/**
 * The paths that servers may take a request target for: as sent (with `%2F` as a character of its segment), decoded and
 * with dots resolved, decoded again and again, and without `;parameters`. They are one and the same for a plain path.
 * A rule that allows must cover all of them and one that denies any: an odd spelling can't get round either.
 * @param target  Untrusted: path and query of a request.
 */
export function pathForms(target: string): readonly string[] {
  const path = pathOf(target);
  const once = decodeOnce(path, '');
  const fully = decodeFully(path);
  const forms = [
    decodeOnce(path, '/\\%'),
    resolveDots(once),
    resolveDots(fully),
    resolveDots(fully.replace(/;[^/]*/g, '')),
  ];
  return [...new Set(forms)];
}
