import { SandboxBuilder } from 'gondolin/js';

const proto = await new SandboxBuilder().build();
const sandbox = await proto.loadRuntime();
sandbox.addHandler('greet', 'function handler(event) { return "Hello, " + event.name + "!"; }');
const loaded = await sandbox.getLoadedSandbox();
console.log(await loaded.callHandler('greet', { name: 'World' }));
