/** For tests: what `node-agent` is on a command line. */

export const LAUNCHER = new URL('../bin/node-agent', import.meta.url).pathname;
