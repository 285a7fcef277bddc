// `npm run demo`: a real VM boots and runs the steps of examples/hello. Sets up what is missing first.
import { join } from 'node:path';
import { ROOT, run } from './run.mjs';
import { setup } from './setup.mjs';

await setup();
console.log(
  'demo: gondolin run, in examples/hello (the first run builds the Debian image, later ones use the cache)',
);
run(process.execPath, [join(ROOT, 'dist/cli/bin.js'), 'run', ...process.argv.slice(2)], {
  cwd: join(ROOT, 'examples/hello'),
});
