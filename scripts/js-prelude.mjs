// Bundles guest/js/prelude/ into a C header: `node scripts/js-prelude.mjs FILE`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

/** The text of each part is a function of the natives (guest/js/realm.c), evaluated when it is needed. */
const PARTS = { prelude: 'index.js', prelude_fetch: 'fetch/index.js', prelude_url: 'url/index.js' };

const [target] = process.argv.slice(2);
const texts = await Promise.all(
  Object.entries(PARTS).map(async ([name, entry]) => {
    const bytes = Buffer.from(`(function(__native){${await bundle(entry)}})\0`);
    const numbers = [...bytes].map((byte) => (byte > 127 ? byte - 256 : byte));
    return `static const char ${name}[] = {${numbers.join(',')}};\n`;
  }),
);
mkdirSync(dirname(target), { recursive: true });
writeFileSync(target, `/* Made by scripts/js-prelude.mjs. */\n${texts.join('')}`);

async function bundle(entry) {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, '../guest/js/prelude', entry)],
    bundle: true,
    minify: true,
    format: 'iife',
    // What the QuickJS of guest/js/quickjs.mk understands.
    target: 'es2023',
    charset: 'utf8',
    write: false,
  });
  return outputFiles[0].text;
}
