/** A connection that speaks protocol version 1. */
import { parseJson, validate } from '../../../protocol/text-frame.js';
import { authResultFrameV1, MAX_V1_MESSAGE_BYTES, PROTOCOL_V1, type AuthDataV1 } from '../../../protocol/v1/frames.js';
import { introduction, openSocket, type ConnectionOptions, type OpenConnection } from '../open-socket.js';
import { SessionV1, type PushedLines } from './session.js';
import { TaskProjects } from './task-projects.js';

/** Opens sockets to version 1 hives; what has been pushed, and what tasks belong to, is remembered from one to the next. */
export function connectionsV1(): OpenConnection {
  const pushedLines: PushedLines = new Map();
  let tasks: TaskProjects | undefined;
  return (options) => {
    const { store, logger } = options;
    const ofTasks = (tasks ??= new TaskProjects(options));
    return openSocket(options, {
      maxMessageBytes: MAX_V1_MESSAGE_BYTES,
      auth: authData(options),
      readAuthResult,
      startSession: (socket, linkedProjects) => {
        logger.info('connected to the hive, speaking protocol version 1');
        const session = new SessionV1({ socket, store, logger, pushedLines, tasks: ofTasks, linkedProjects });
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

/**
 * @returns the hive's projects that the node is linked to
 * @throws Error if the hive does not accept the node; its message is the reason
 */
function readAuthResult(data: Buffer): string[] {
  const result = validate(authResultFrameV1, parseJson(data.toString('utf8')), 'auth_result').data;
  if (!result.success) throw new Error(result.error ?? 'no reason given');
  return result.linked_projects.map((project) => project.project_id);
}
