// `npm run bench -- NAME`: measures, prints ratios within one run. Sets up what is missing first.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, run } from './run.mjs';
import { setup } from './setup.mjs';

const [name, ...args] = process.argv.slice(2);
const file = join(ROOT, 'bench', `${name}.ts`);
if (name === undefined || !existsSync(file)) {
  const names = readdirSync(join(ROOT, 'bench')).filter((entry) => entry.endsWith('.ts'));
  console.error(`usage: npm run bench -- ${names.map((entry) => entry.slice(0, -3)).join(' | ')}`);
  process.exit(2);
}
await setup({ forTests: name === 'functions' || name === 'oci' });
run(process.execPath, ['--import', 'tsx', file, ...args]);
