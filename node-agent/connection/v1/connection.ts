/** A connection that speaks protocol version 1. */
import { parseJson, validate } from '../../../protocol/text-frame.js';
import { authResultFrameV1, MAX_V1_MESSAGE_BYTES, PROTOCOL_V1, type AuthDataV1 } from '../../../protocol/v1/frames.js';
import { introduction, openSocket, type ConnectionOptions, type OpenConnection } from '../open-socket.js';
import { SessionV1, type PushedLines } from './session.js';

/** Opens sockets to version 1 hives; what has been pushed is remembered from one to the next. */
export function connectionsV1(): OpenConnection {
  const pushedLines: PushedLines = new Map();
  return (options) => {
    const { store, logger } = options;
    return openSocket(options, {
      maxMessageBytes: MAX_V1_MESSAGE_BYTES,
      auth: authData(options),
      readAuthResult,
      startSession: (socket) => {
        logger.info('connected to the hive, speaking protocol version 1');
        const session = new SessionV1({ socket, store, logger, pushedLines });
        session.start();
        return session;
      },
    });
  };
}

function authData(options: ConnectionOptions): AuthDataV1 {
  const { capabilities, ...node } = introduction(options);
  return {
    ...node,
    capabilities: { ...capabilities, max_concurrent_tasks: 1, git_commit: '', git_branch: '' },
    public_url: null,
    protocol_version: PROTOCOL_V1,
  };
}

/** @throws Error if the hive does not accept the node; its message is the reason */
function readAuthResult(data: Buffer): void {
  const result = validate(authResultFrameV1, parseJson(data.toString('utf8')), 'auth_result').data;
  if (!result.success) throw new Error(result.error ?? 'no reason given');
}
