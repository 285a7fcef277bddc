import { SandboxBuilder } from 'gondolin/js';

const sandbox = await (await new SandboxBuilder().build()).loadRuntime();
sandbox.addHandler('count', 'let n = 0; export function handler() { return ++n; }');
const first = await sandbox.getLoadedSandbox();
await first.callHandler('count', null);
console.log(`count: ${await first.callHandler('count', null)}`);

const bare = await first.unload();
bare.addHandler('count', 'let n = 0; export function handler() { return ++n; }');
bare.addHandler('shout', 'function handler(text) { return text.toUpperCase(); }');
const second = await bare.getLoadedSandbox();
console.log(`count after unload: ${await second.callHandler('count', null)}`);
console.log(`shout: ${await second.callHandler('shout', 'new handler')}`);
