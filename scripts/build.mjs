// `npm run build`: dist/ as few files. A start of the CLI then opens a dozen files instead of 300, and loads neither ajv
// nor what the command it runs does not need. Types are not checked here (`npm run typecheck`).
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import standaloneModule from 'ajv/dist/standalone/index.js';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');
const standalone = standaloneModule.default;

/** Puts the compiled schema in the place of the module that compiles it. */
const compiledSchema = {
  name: 'compiled-schema',
  setup({ onLoad }) {
    onLoad({ filter: /\/config\/check\/compiled-schema\.ts$/ }, () => {
      const schema = JSON.parse(readFileSync(join(ROOT, 'schema/gondolin.schema.json'), 'utf8'));
      const ajv = new Ajv({
        ...{ allErrors: true, verbose: true, strict: false, ownProperties: true },
        code: { source: true, esm: true },
      });
      const code = standalone(ajv, ajv.compile(schema));
      return { contents: `${code}\nexport { validate as validateSchema };`, resolveDir: ROOT };
    });
  },
};

rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
await build({
  absWorkingDir: ROOT,
  entryPoints: ['src/index.ts', 'src/cli/bin.ts'],
  outdir: 'dist',
  outbase: 'src',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  // Native code, and what a user's hooks must share with us.
  external: ['koffi', 'undici'],
  plugins: [compiledSchema],
  // For packages that are still CommonJS.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  sourcemap: true,
  legalComments: 'external',
  logLevel: 'warning',
});
