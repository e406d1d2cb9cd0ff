/** A connection that speaks protocol version 2. */
import { availableParallelism } from 'node:os';
import { FORGET_ATTEMPT, hiveFrame, type AuthData, type FrameData, type HiveFrame } from '../../../protocol/frames.js';
import { MAX_TEXT_FRAME_BYTES, PROTOCOL_VERSION } from '../../../protocol/limits.js';
import { decodeTextFrame } from '../../../protocol/text-frame.js';
import { heldMarkers } from '../../store/markers.js';
import { hostIdentities } from '../host-identity.js';
import { introduction, openSocket, type ConnectionEnd, type ConnectionOptions } from '../open-socket.js';
import { Session } from './session.js';

export function openConnection(options: ConnectionOptions): Promise<ConnectionEnd> {
  const { store, logger, timing } = options;
  return openSocket(options, {
    maxMessageBytes: MAX_TEXT_FRAME_BYTES,
    auth: authData(options),
    readAuthResult,
    startSession: (socket, auth) => {
      logger.info({ node_id: auth.node_id, session_id: auth.session_id }, 'connected to the hive');
      const session = new Session({ socket, store, logger, auth, ...(timing && { timing }) });
      session.start();
      return session;
    },
  });
}

/** What a node says when it logs in. */
export function authData(options: Pick<ConnectionOptions, 'apiKey' | 'name' | 'store'>): AuthData {
  const { capabilities, ...node } = introduction(options);
  return {
    ...node,
    capabilities: {
      ...capabilities,
      max_concurrent_tasks: availableParallelism(),
      hosts: hostIdentities(),
      frames: [FORGET_ATTEMPT],
    },
    protocol_version: PROTOCOL_VERSION,
    markers: heldMarkers(options.store),
  };
}

/** @throws Error if the hive does not accept the node; its message is the reason */
export function readAuthResult(data: Buffer): FrameData<HiveFrame, 'auth_result'> {
  const frame = decodeTextFrame(hiveFrame, data);
  if (frame.type === 'close') throw new Error(frame.data.reason);
  if (frame.type === 'error') throw new Error(frame.data.error);
  if (frame.type !== 'auth_result') throw new Error(`answered auth with ${frame.type}`);
  if (!frame.data.success) throw new Error(frame.data.error ?? 'no reason given');
  if (frame.data.protocol_version !== PROTOCOL_VERSION) {
    throw new Error(`speaks protocol version ${frame.data.protocol_version}, this node ${PROTOCOL_VERSION}`);
  }
  return frame.data;
}
