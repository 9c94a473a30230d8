/**
 * Node's `http`, without `import`: that looks at each of its exports, `WebSocket` among them, and so loads all of Node's
 * `fetch`, which nobody here calls (14 MB of memory at the start of each process).
 */
export const { Agent, createServer, request } = process.getBuiltinModule('node:http');
