// The globals of the realm besides those of the language. Evaluated once, before any handler. `__native` is a parameter of the whole text: the
// functions of C, which no handler sees.
import { installConsole } from './console.js';
import { installCrypto } from './crypto.js';
import { installStructuredClone } from './structured-clone.js';
import { installTextEncoding } from './text-encoding.js';
import { installTimers } from './timers.js';
import { installUrl } from './url.js';

installConsole(__native);
installTextEncoding(__native);
installCrypto(__native);
installStructuredClone();
installTimers(__native);
installUrl(__native);
