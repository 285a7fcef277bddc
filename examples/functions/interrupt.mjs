import { SandboxBuilder } from 'gondolin/js';

const sandbox = await (await new SandboxBuilder().build()).loadRuntime();
sandbox.addHandler(
  'slow',
  `function handler() {
     const end = Date.now() + 4000;
     while (Date.now() < end);
     return 'done';
   }`,
);
const loaded = await sandbox.getLoadedSandbox();
const snapshot = await loaded.snapshot();
try {
  await loaded.callHandler('slow', {}, { wallClockTimeoutMs: 1000 });
} catch (error) {
  console.log(`${error.code}, poisoned: ${loaded.poisoned}`);
}
await loaded.restore(snapshot);
console.log(`poisoned after restore: ${loaded.poisoned}`);
