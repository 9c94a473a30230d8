/** A small whole configuration: one listener that answers `answer` (or passes on to `server`). */
export function simpleConfig(options: {
  port: number;
  /** What every request is answered with. @default 'hello' */
  answer?: string;
  /** `host:port` that gets the requests instead. */
  server?: string;
  statsSocket?: string;
  /** Further lines of `global`. */
  global?: readonly string[];
}): string {
  const socket =
    options.statsSocket === undefined ? [] : [`stats socket ${options.statsSocket} mode 600 level admin`];
  const lines = [...socket, ...(options.global ?? [])];
  const does =
    options.server === undefined
      ? `http-request return status 200 content-type text/plain string ${options.answer ?? 'hello'}`
      : `server one ${options.server}`;
  return `global
${lines.map((line) => `  ${line}\n`).join('')}  hard-stop-after 10s
defaults
  mode http
  timeout connect 1s
  timeout client 30s
  timeout server 30s
listen main
  bind 127.0.0.1:${options.port}
  ${does}
`;
}
