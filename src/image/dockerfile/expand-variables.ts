/** `\$` and other escaped characters, `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:+other}` and `${NAME+other}`. */
const PARTS =
  /\\(?<escaped>.)|\$(?:(?<plain>[A-Za-z_]\w*)|\{(?<name>[A-Za-z_]\w*)(?:(?<colon>:?)(?<operator>[-+])(?<word>[^{}]*))?\})/gs;

/**
 * Replaces the variables in a word of a Dockerfile. A variable without a value gives nothing.
 * @see "Environment replacement" of Docker's build reference
 */
export function expandVariables(text: string, values: ReadonlyMap<string, string>): string {
  return text.replaceAll(PARTS, (...parts) => {
    const groups = parts.at(-1) as Partial<Record<string, string>>;
    return groups['escaped'] ?? valueFor(groups, values);
  });
}

function valueFor(
  { plain = '', name = plain, colon, operator, word = '' }: Partial<Record<string, string>>,
  values: ReadonlyMap<string, string>,
): string {
  const value = values.get(name);
  const isThere = value !== undefined && (colon !== ':' || value !== '');
  if (operator === '-') return isThere ? value : expandVariables(word, values);
  if (operator === '+') return isThere ? expandVariables(word, values) : '';
  return value ?? '';
}
