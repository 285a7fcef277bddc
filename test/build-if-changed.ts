import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';

/** Builds the guest agent and dist/ where their sources changed: tests run what ships. */
export function setup(): void {
  const script = resolve(import.meta.dirname, '../scripts/build-if-changed.mjs');
  execFileSync(process.execPath, [script], { stdio: 'inherit' });
}
