// Bundles guest/js/prelude/ into a C header: `node scripts/js-prelude.mjs FILE`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

const [target] = process.argv.slice(2);
const { outputFiles } = await build({
  entryPoints: [join(import.meta.dirname, '../guest/js/prelude/index.js')],
  bundle: true,
  minify: true,
  format: 'iife',
  // What the QuickJS of guest/js/quickjs.mk understands.
  target: 'es2023',
  charset: 'utf8',
  write: false,
});
const bytes = [...outputFiles[0].contents, 0];
mkdirSync(dirname(target), { recursive: true });
writeFileSync(
  target,
  `/* Made by scripts/js-prelude.mjs. */\nstatic const char prelude[] = {${bytes.map((byte) => (byte > 127 ? byte - 256 : byte)).join(',')}};\n`,
);
