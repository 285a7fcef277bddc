import { GondolinError } from '../../../errors/gondolin-error.ts';
import type { Leak } from '../../refusal/refusal.ts';

/** Ends a request or connection that carries a placeholder to where its secret may not go: NET_SECRET_LEAK. */
export class LeakError extends GondolinError {
  readonly leak: Leak;

  constructor(leak: Leak) {
    const { secret, where } = leak;
    const message = `The placeholder of secret ${secret} was sent where it may not go: ${where}`;
    super('NET_SECRET_LEAK', message, { details: { name: secret, where } });
    this.leak = leak;
  }
}
