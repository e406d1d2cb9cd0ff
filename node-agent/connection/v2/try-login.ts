/** Logs in and out again, to know whether `connect` would succeed. */
import { MAX_TEXT_FRAME_BYTES } from '../../../protocol/limits.js';
import { NodeAgentError } from '../../errors.js';
import { openSocket, type ConnectionOptions } from '../open-socket.js';
import { authData, readAuthResult } from './connection.js';

/**
 * @returns the node's id at the hive
 * @throws NodeAgentError `hive` if the hive cannot be reached, or does not accept the node
 */
export async function tryLogin(options: Omit<ConnectionOptions, 'signal' | 'logger'>): Promise<string> {
  const leaving = new AbortController();
  let nodeId: string | undefined;
  const end = await openSocket(
    { ...options, signal: leaving.signal },
    {
      maxMessageBytes: MAX_TEXT_FRAME_BYTES,
      auth: authData(options),
      readAuthResult,
      startSession: (_socket, auth) => {
        nodeId = auth.node_id ?? '';
        setImmediate(() => leaving.abort());
        return { closeReason: undefined, receive: () => undefined };
      },
    },
  );
  if (nodeId !== undefined) return nodeId;
  const { origin } = new URL(options.url.replace(/^ws/, 'http'));
  if (end.kind === 'refused')
    throw new NodeAgentError('hive', `the hive at ${origin} refuses this node: ${end.reason}`);
  throw new NodeAgentError('hive', `the socket of the hive at ${origin} cannot be reached (${end.reason})`);
}
