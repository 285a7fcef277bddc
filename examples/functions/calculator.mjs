import { SandboxBuilder } from 'gondolin/js';

const sandbox = await (await new SandboxBuilder().build()).loadRuntime();
sandbox.addHandler(
  'calculator',
  `const operations = {
     add: (a, b) => a + b,
     subtract: (a, b) => a - b,
     multiply: (a, b) => a * b,
     divide(a, b) {
       if (b === 0) throw new Error('division by zero');
       return a / b;
     },
   };
   export function handler({ operation, a, b }) {
     return { operation, result: operations[operation](a, b) };
   }`,
);
const loaded = await sandbox.getLoadedSandbox();
for (const operation of ['add', 'subtract', 'multiply', 'divide']) {
  const { result } = await loaded.callHandler('calculator', { operation, a: 12, b: 4 });
  console.log(`${operation}: ${result}`);
}
try {
  await loaded.callHandler('calculator', { operation: 'divide', a: 1, b: 0 });
} catch (error) {
  console.log(`${error.code}: ${error.message}`);
}
