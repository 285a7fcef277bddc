// Builds the guest agent and dist/ when their sources changed since. Run by the tests, which use both.
import { buildIfChanged } from './setup.mjs';

buildIfChanged({ withJs: true });
