/** Formats an address and a port as in a URL: `127.0.0.1:3000`, `[::1]:3000`. */
export function formatPlace({ host, port }: { host: string; port: number | string }): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
