// `npm test` builds the image of most VM tests while it installs the programs of the tests.
import { buildBaseImage } from './build-images.ts';

await buildBaseImage();
