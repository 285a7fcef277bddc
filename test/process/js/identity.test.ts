import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { jsProgramPath } from '../../../src/host/package-root.ts';
import { identify, startEngine } from '../../../src/js/engine/greet.ts';
import { DEFAULT_SIZES } from '../../../src/js/sizes.ts';

it('gondolin-js ends an engine that is to set the clock of a machine that is not its own', async () => {
  const child = spawn(jsProgramPath(), [], { stdio: ['pipe', 'pipe', 'inherit'] });
  await startEngine(child.stdin, child.stdout, DEFAULT_SIZES);
  await expect(identify(child.stdin, child.stdout)).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
  child.kill();
  await once(child, 'exit');
});
