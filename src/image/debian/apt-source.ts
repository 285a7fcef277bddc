/** One place that binary packages come from: one URI and one suite of an apt source. */
export interface AptSource {
  readonly uri: string;
  readonly suite: string;
  readonly components: readonly string[];
  /** Absolute path of a keyring on this host; null for apt's usual ones. */
  readonly signedBy: string | null;
  /** The host's administrator switched signatures off for it (`trusted=yes`). */
  readonly isTrusted: boolean;
  /** Its lists may be older than they say they may be, as those of a snapshot are. @default false */
  readonly isSnapshot?: boolean;
}

/**
 * Reads the one-line form (sources.list(5), "THE DEB AND DEB-SRC TYPES: ONE-LINE-STYLE FORMAT"). Lines that are not
 * an enabled `deb` entry are skipped, as are entries without a suite: apt itself reports those.
 */
export function parseSourceList(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const entry = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s*(.*)$/.exec(
      line.replace(/#.*/, ''),
    );
    if (entry === null) return [];
    const [, optionText = '', uri = '', suite = '', rest = ''] = entry;
    const options = new Map(optionText.split(/\s+/).map((option) => splitOnce(option, '=')));
    return [
      {
        uri,
        suite,
        components: words(rest),
        signedBy: keyringPath(options.get('signed-by')),
        isTrusted: options.get('trusted') === 'yes',
      },
    ];
  });
}

/** Reads the deb822 form (sources.list(5), "DEB822-STYLE FORMAT"): one source for each URI and suite. */
export function parseDeb822(text: string): AptSource[] {
  return parseStanzas(text).flatMap((fields) => {
    const isEnabled = !/^(no|false|0|off|without|disable)$/i.test(fields.get('enabled') ?? 'yes');
    if (!isEnabled || !words(fields.get('types')).includes('deb')) return [];
    const components = words(fields.get('components'));
    const signedBy = keyringPath(fields.get('signed-by'));
    const isTrusted = /^(yes|true|1|on)$/i.test(fields.get('trusted') ?? 'no');
    return words(fields.get('uris')).flatMap((uri) =>
      words(fields.get('suites')).map((suite) => ({ uri, suite, components, signedBy, isTrusted })),
    );
  });
}

/** One map for each paragraph: field names in lower case, continuation lines joined by a line feed. */
function parseStanzas(text: string): Map<string, string>[] {
  const lines = text.split(/\r?\n/).filter((line) => !line.startsWith('#'));
  return lines
    .map((line) => (line.trim() === '' ? '' : line))
    .join('\n')
    .split(/\n{2,}/)
    .map(parseFields)
    .filter((fields) => fields.size > 0);
}

function parseFields(stanza: string): Map<string, string> {
  const fields = new Map<string, string>();
  let last = '';
  for (const line of stanza.split('\n')) {
    const field = /^([^\s:]+):\s*(.*)$/.exec(line);
    if (field !== null) {
      last = (field[1] ?? '').toLowerCase();
      fields.set(last, (field[2] ?? '').trim());
    } else if (/^\s/.test(line) && last !== '') {
      fields.set(last, `${fields.get(last) ?? ''}\n${line.trim()}`);
    }
  }
  return fields;
}

/** An embedded key or a fingerprint cannot be carried over: then apt's usual keyrings decide. */
function keyringPath(value: string | undefined): string | null {
  const first = words(value)[0];
  return first?.startsWith('/') === true ? first : null;
}

function words(text: string | undefined): string[] {
  return (text ?? '').split(/[\s,]+/).filter(Boolean);
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** The one-line form of the sources, for apt on this host. */
export function formatSourceList(sources: readonly AptSource[]): string {
  return sources
    .map(({ uri, suite, components, signedBy, isTrusted, isSnapshot = false }) => {
      const options = [
        ...(signedBy === null ? [] : [`signed-by=${signedBy}`]),
        ...(isTrusted ? ['trusted=yes'] : []),
        ...(isSnapshot ? ['check-valid-until=no'] : []),
      ];
      const bracket = options.length > 0 ? `[${options.join(' ')}] ` : '';
      return `deb ${bracket}${uri} ${suite} ${components.join(' ')}\n`;
    })
    .join('');
}

/**
 * Returns the guest's sources.list: no passwords, no paths of this host, and only sources that can be reached over
 * HTTP.
 */
export function formatGuestSourceList(sources: readonly AptSource[]): string {
  const reachable = sources.filter(({ uri }) => /^https?:\/\//.test(uri));
  return formatSourceList(
    reachable.map((source) => ({
      ...source,
      uri: source.uri.replace(/^(https?:\/\/)[^/]*@/, '$1'),
      signedBy: null,
    })),
  );
}
