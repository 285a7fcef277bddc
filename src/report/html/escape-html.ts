import { plainOutput } from '../plain-output.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Returns untrusted text for the content of an element or a quoted attribute, without control characters. */
export function escapeHtml(text: string): string {
  return plainOutput(text).replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
