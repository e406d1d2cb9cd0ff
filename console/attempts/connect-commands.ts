/** What is typed on a machine to make it a node of this hive. */

/** Stands in the commands until there is an invitation. */
export const NO_INVITE = 'TOKEN';

export const installCommand = (version: string): string => `npm install -g ./hivesync-node-agent-${version}.tgz`;

export const joinCommand = (hiveUrl: string, invite: string): string =>
  `node-agent join ${hiveUrl.replace(/\/+$/, '')} --invite ${invite}`;

export const STAY_CONNECTED = 'node-agent service install';

export const RECORD = 'node-agent run -- claude -p "fix the failing test"';

/** @returns whether only the hive's own machine reaches this address */
export function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
}
