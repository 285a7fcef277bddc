import type { DockerfileBuilder } from '../../image/guest-image.ts';
import { guestTrustEnv } from '../../net/tls/guest-trust-env.ts';
import type { SetupVm } from '../image-setup/set-up-image.ts';
import type { VMOptions } from '../vm-options.ts';
import { PLACES, TRUST_FILES } from './builder-commands.ts';

/** `VM.create`: imported here, it would import itself. */
export type CreateBuilderVm = (options: VMOptions) => Promise<SetupVm>;

/** Returns what builds Dockerfiles in VMs; its code is loaded only for one. */
export function createDockerfileBuilder(create: CreateBuilderVm): DockerfileBuilder {
  const trust = guestTrustEnv({ seesServers: false, directory: PLACES.trust });
  return {
    variables: { ...trust, ...TRUST_FILES },
    async build(builder, work) {
      const { buildDockerfile } = await import('./build-dockerfile.ts');
      return buildDockerfile(create, builder, work);
    },
  };
}
