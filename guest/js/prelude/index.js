// What the realm has beside the language. Runs once, before any handler; the functions of C are gone afterwards.
import { installConsole } from './console.js';
import { installCrypto } from './crypto.js';
import { installStructuredClone } from './structured-clone.js';
import { installTextEncoding } from './text-encoding.js';
import { installTimers } from './timers.js';

const native = globalThis.__native;
delete globalThis.__native;
installConsole(native);
installTextEncoding(native);
installCrypto(native);
installStructuredClone();
installTimers(native);
