/** A string (closed or not), a comment, or a tab: whatever may contain another of them is matched first. */
const TOKEN = /"(?:[^"\\\n]|\\.)*"?|\/\/[^\n\r]*|\/\*[\s\S]*?(?:\*\/|$)|\t/g;

/**
 * Returns JSON with comments as YAML can read it: comments and tabs outside strings are blanks, so that every offset stays
 * what it was. (JSON is YAML; trailing commas are too.)
 */
export function blankComments(text: string): string {
  return text.replaceAll(TOKEN, (token) =>
    token.startsWith('"') ? token : token.replaceAll(/[^\n\r]/g, ' '),
  );
}
