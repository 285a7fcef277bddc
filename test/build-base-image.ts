// `npm test` builds the image of most VM tests while it installs the programs of the tests.
import { buildBaseImage } from './build-images.ts';
import { setup } from './own-directories.ts';

// As for each project: the image's cache would make what is above it private, and another user runs the newest Node from there.
setup();
await buildBaseImage();
