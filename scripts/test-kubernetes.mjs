// `npm run test:kubernetes`: runs the Pods of `gondolin export kubernetes` by `podman kube play`, with runc and without a network.
import { installMissing } from './host-packages.mjs';
import { run } from './run.mjs';
import { setup } from './setup.mjs';

/** Debian package that brings each program; catatonit is the first process of a Pod. */
const TOOLS = { podman: 'podman', runc: 'runc', catatonit: 'catatonit', mmdebstrap: 'mmdebstrap' };

if (process.getuid?.() !== 0) {
  console.error('test:kubernetes: images with owners and their Pods need root: run it as root');
  process.exit(1);
}
await setup({ forTests: true });
await installMissing(TOOLS);
run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--project', 'kubernetes']);
