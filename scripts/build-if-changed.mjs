// Builds the guest agent, dist/ and (unless --without-js) gondolin-js when their sources changed since. Run by the tests, which use all.
import { buildIfChanged } from './setup.mjs';

buildIfChanged({ withJs: !process.argv.includes('--without-js') });
