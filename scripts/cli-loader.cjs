#!/usr/bin/env node
// Becomes dist/cli/bin.js: runs the CLI's one file, with its code as V8 compiled it when it was built. V8 refuses a cache
// of another source, version or set of flags, and compiles then. The build has made sure that the file is ASCII, which as
// such is read twice as fast.
'use strict';
const { readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { Script } = require('node:vm');

const filename = join(__dirname, 'gondolin.js');
const cachePath = join(__dirname, `gondolin.${process.version}-${process.arch}.code`);

function readCache() {
  try {
    return readFileSync(cachePath);
  } catch {
    // Built by another version of Node.
    return undefined;
  }
}

// The file is one function. Text put around it here would be a second copy of 4 MB, a sixth of the time of a short command.
const script = new Script(readFileSync(filename, 'latin1'), {
  filename,
  cachedData: readCache(),
});
if (process.env.GONDOLIN_WRITE_CODE_CACHE === '1') {
  process.on('exit', () => writeFileSync(cachePath, script.createCachedData()));
}
script.runInThisContext()(require, filename, __dirname, (specifier) => import(specifier));
