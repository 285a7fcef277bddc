import type { DockerfileBuilder } from '../../image/guest-image.ts';
import { VM } from '../vm.ts';
import { createDockerfileBuilder } from './dockerfile-builder.ts';

/** Builds Dockerfiles in VMs. */
export const dockerfileBuilder: DockerfileBuilder = createDockerfileBuilder((options) =>
  VM.create(options),
);
