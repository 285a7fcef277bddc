import { SandboxBuilder } from 'gondolin/js';

const sandbox = await (await new SandboxBuilder().build()).loadRuntime();
sandbox.addHandler('spin', 'function handler() { for (;;); }');
const loaded = await sandbox.getLoadedSandbox();
try {
  // The limit on processor time catches computation; the other one is the backstop.
  await loaded.callHandler('spin', {}, { cpuTimeoutMs: 500, wallClockTimeoutMs: 60_000 });
} catch (error) {
  console.log(`${error.code}, ended by ${loaded.lastCallStats.terminatedBy}`);
}
