// Runs its part of the files *.e2e.mjs, as test runners with a --shard option do.
import { readdirSync } from 'node:fs';

const { GONDOLIN_SHARD_INDEX: index = '1', GONDOLIN_SHARD_COUNT: count = '1' } = process.env;
const files = readdirSync(import.meta.url.replace('file://', '').replace(/[^/]*$/, ''))
  .filter((name) => name.endsWith('.e2e.mjs'))
  .sort();
const own = files.filter((_, at) => at % Number(count) === Number(index) - 1);
for (const name of own) {
  await import(`./${name}`);
  console.log(`e2e ${name}: passed (part ${index} of ${count})`);
}
