// `npm run test:nodes`: the fast tests on each Node of scripts/nodes.mjs, or on those whose versions start with an argument.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { environmentOf, FAST, installNode, NODES } from './nodes.mjs';
import { ROOT } from './run.mjs';
import { setup } from './setup.mjs';

function testOn(version) {
  const binary = installNode(version);
  console.log(`nodes: fast tests on Node ${version}`);
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const { status } = spawnSync(binary, [vitest, 'run', ...FAST], {
    cwd: ROOT,
    stdio: 'inherit',
    env: environmentOf(binary),
  });
  return status === 0;
}

const wanted = process.argv.slice(2);
const chosen = NODES.filter(
  (version) => wanted.length === 0 || wanted.some((start) => version.startsWith(start)),
);
if (chosen.length === 0) {
  console.error(`usage: npm run test:nodes -- [${NODES.join(' | ')}]`);
  process.exit(2);
}
await setup({ forTests: true });
const results = chosen.map((version) => ({ version, isPassed: testOn(version) }));
for (const { version, isPassed } of results) {
  console.log(`Node ${version}: ${isPassed ? 'passed' : 'failed'}`);
}
process.exitCode = results.every(({ isPassed }) => isPassed) ? 0 : 1;
