import { object } from '../../util/json-decoder.ts';
import type { RequestKind } from '../request-kind.ts';

/** Returns the facts of the VM. */
export const describeVmRequest: RequestKind<object> = {
  decoder: object({}),
  run: async (_request, { facts }) => facts,
};
