// `npm run build`: dist/ as few files, so that a start of the CLI opens a handful instead of 300 and compiles nothing.
// Types are not checked here (`npm run typecheck`).
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { Ajv } from 'ajv';
import standaloneModule from 'ajv/dist/standalone/index.js';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');
/** Another place than dist/ for a test that must not disturb who uses that. */
const DIST = resolve(ROOT, process.argv[2] ?? 'dist');
const standalone = standaloneModule.default;

/** Modules that compile a schema: the file of each, and the name of the function. */
const SCHEMAS = {
  'compiled-schema.ts': ['gondolin.schema.json', 'validateSchema'],
  'compiled-build-schema.ts': ['build-config.schema.json', 'validateBuildSchema'],
};

/** Puts the compiled schemas in the place of the modules that compile them. */
const compiledSchema = {
  name: 'compiled-schema',
  setup({ onLoad }) {
    onLoad({ filter: /\/config\/(?:form|build)\/compiled-(?:build-)?schema\.ts$/ }, ({ path }) => {
      const [file, name] = SCHEMAS[basename(path)];
      const schema = JSON.parse(readFileSync(join(ROOT, 'schema', file), 'utf8'));
      const ajv = new Ajv({
        ...{ allErrors: true, verbose: true, strict: false, ownProperties: true },
        code: { source: true, esm: true },
      });
      const code = standalone(ajv, ajv.compile(schema));
      return { contents: `${code}\nexport { validate as ${name} };`, resolveDir: ROOT };
    });
  },
};

/**
 * ssh2 uses native code where npm could compile it, and Node's crypto elsewhere. The package carries neither its native code
 * nor a compiler, so that it is the same everywhere.
 */
const withoutNative = {
  name: 'without-native',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /\.node$|^cpu-features$/ }, ({ path }) => ({ path, external: true }));
    // They name files of Windows and of Emscripten that are never loaded here; a module has no __dirname.
    onLoad({ filter: /\/ssh2\/lib\/(?:agent|protocol\/crypto\/poly1305)\.js$/ }, ({ path }) => {
      return { contents: `const __dirname = '';\n${readFileSync(path, 'utf8')}` };
    });
  },
};

const common = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  // Native code, and what a user's hooks must share with us.
  external: ['koffi', 'undici'],
  plugins: [compiledSchema, withoutNative],
  sourcemap: true,
  legalComments: 'external',
  logLevel: 'warning',
};

/** The SDK: parts that a program does not use are not loaded. */
function buildLibrary() {
  return build({
    ...common,
    entryPoints: {
      index: 'src/index.ts',
      'js/index': 'src/js/index.ts',
      // Started as a process of its own for a mount that may hang.
      'mount-process': 'src/vfs/remote/mount-process-main.ts',
    },
    outdir: DIST,
    chunkNames: 'chunks/[name]-[hash]',
    splitting: true,
    format: 'esm',
    // For packages that are still CommonJS.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  });
}

/**
 * The CLI: one CommonJS file, of which V8 keeps the compiled code (scripts/cli-loader.cjs). Linking modules and compiling
 * them took half of the time before QEMU starts.
 */
async function buildCli() {
  const directory = join(DIST, 'cli');
  await build({
    ...common,
    entryPoints: ['src/cli/bin.ts'],
    outfile: join(directory, 'gondolin.js'),
    format: 'cjs',
    // Each start reads all of it: comments and indentation were half.
    minifyWhitespace: true,
    define: { 'import.meta.dirname': '__dirname', 'import.meta.url': '__moduleUrl' },
    banner: {
      js: "(function (require, __filename, __dirname, __import) {const __moduleUrl = require('node:url').pathToFileURL(__filename).href;",
    },
    footer: { js: '})' },
  });
  // Code that V8 took from a cache has no loader of modules: scripts/cli-loader.cjs passes one in.
  const file = join(directory, 'gondolin.js');
  const code = readFileSync(file, 'utf8').replace(/(?<![\w.$])import\(/g, '__import(');
  const odd = /[^\0-\x7f]/.exec(code);
  if (odd !== null) throw new Error(`gondolin.js has ${odd[0]}: cli-loader.cjs reads it as ASCII`);
  writeFileSync(file, code);
  writeFileSync(join(directory, 'package.json'), '{ "type": "commonjs" }\n');
  copyFileSync(join(ROOT, 'scripts/cli-loader.cjs'), join(directory, 'bin.js'));
  chmodSync(join(directory, 'bin.js'), 0o755);
  // Reads a project and plans it: what each run does before its VM.
  const env = { ...process.env, GONDOLIN_WRITE_CODE_CACHE: '1' };
  const cwd = join(ROOT, 'examples/hello');
  execFileSync(process.execPath, [join(directory, 'bin.js'), 'plan'], { cwd, env });
}

/** The path by which older programs import the package as a file: `node_modules/…/dist/src/index.js`. */
function writeOldEntry() {
  const directory = join(DIST, 'src');
  mkdirSync(directory);
  writeFileSync(join(directory, 'index.js'), "export * from '../index.js';\n");
  writeFileSync(join(directory, 'index.d.ts'), "export * from '../index.js';\n");
}

rmSync(DIST, { recursive: true, force: true });
await buildLibrary();
writeOldEntry();
await buildCli();
