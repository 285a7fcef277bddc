import env from 'gondolin:env';

export function handler({ name }) {
  return { message: `${env.GREETING}, ${name}!` };
}
