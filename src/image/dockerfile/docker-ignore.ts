/** One line of a `.dockerignore`. */
interface Rule {
  readonly regExp: RegExp;
  /** It brings back what earlier lines left out. */
  readonly isException: boolean;
}

/** Characters that mean something in a regular expression and nothing in a pattern. */
const LITERAL = /[.$^+(){}|/]/;

/**
 * The rules of a `.dockerignore` as Docker applies them: the last line that matches a path, or a directory above it, decides. Upper and
 * lower case differ, and every pattern starts at the top of the context.
 * @see github.com/moby/patternmatcher, and "dockerignore file" of Docker's build reference
 */
export class DockerIgnore {
  readonly #rules: readonly Rule[];

  /** @param text  Content of the file; a pattern that is not valid matches nothing. */
  constructor(text: string) {
    this.#rules = text
      .replace(/^\ufeff/, '')
      .split(/\r?\n/)
      .flatMap(toRule);
  }

  /** True if a line brings something back: what is below a directory that is left out may be part of the context. */
  get hasExceptions(): boolean {
    return this.#rules.some(({ isException }) => isException);
  }

  /** @param path  Relative to the context, such as `src/main.js`. */
  ignores(path: string): boolean {
    const names = path.split('/');
    const places = names.map((_name, index) => names.slice(0, index + 1).join('/'));
    let isIgnored = false;
    for (const { regExp, isException } of this.#rules) {
      if (isException === isIgnored && places.some((place) => regExp.test(place))) {
        isIgnored = !isException;
      }
    }
    return isIgnored;
  }
}

function toRule(line: string): Rule[] {
  if (line.startsWith('#')) return [];
  const text = line.trim();
  const isException = text.startsWith('!');
  const pattern = cleaned(isException ? text.slice(1).trim() : text);
  if (pattern === '') return [];
  try {
    return [{ regExp: new RegExp(toSource(pattern), 'su'), isException }];
  } catch {
    // Docker's own matcher fails here; a class such as `[z-a]` is all that can be wrong.
    return [];
  }
}

/** Removes what does not change a path: empty and `.` names, `NAME/..`, and slashes at both ends. */
function cleaned(pattern: string): string {
  const names: string[] = [];
  for (const name of pattern.split('/')) {
    if (name === '' || name === '.') continue;
    if (name === '..') names.pop();
    else names.push(name);
  }
  return names.join('/');
}

/** `**` with the slash after it, an escaped character, or any other. */
const TOKENS = /(?<all>\*\*\/?)|\\(?<escaped>.?)|./gsu;
const WILDCARDS: Readonly<Record<string, string>> = { '*': '[^/]*', '?': '[^/]' };

function toSource(pattern: string): string {
  const source = pattern.replaceAll(TOKENS, (token: string, ...rest) => {
    const { all, escaped } = rest.at(-1) as Partial<Record<string, string>>;
    const end = Number(rest.at(-3)) + token.length;
    if (all !== undefined) return end === pattern.length ? '.*' : '(?:.*/)?';
    if (escaped !== undefined) return literal(escaped || '\\');
    return WILDCARDS[token] ?? (LITERAL.test(token) ? `\\${token}` : token);
  });
  return `^${source}$`;
}

function literal(char: string): string {
  return /[\^$\\.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char;
}
